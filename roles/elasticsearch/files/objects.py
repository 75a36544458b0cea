"""Keeps the declared objects of Elasticsearch, or of OpenSearch in its place; never drops one.

Input: flavour, url, administrator (elastic's password, or {cert, key}), elastic_password, privileges, settings, repository, lifecycles,
templates, indices, users, check.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import requests

PATIENCE = 90  # seconds to wait for a server that answers and knows a master


def holds(found, wanted):
    """Whether everything wanted is in what was found; servers add defaults and write numbers as texts."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(key in found and holds(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(any(holds(f, w) for f in found) for w in wanted)
    return _text(found) == _text(wanted)


def _text(value):
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def flat(settings, prefix=""):
    """Settings of an index by their whole names, as texts."""
    found = {}
    for key, value in (settings or {}).items():
        name = f"{prefix}{key}"
        found |= flat(value, f"{name}.") if isinstance(value, dict) else {name.removeprefix("index."): value}
    return {name: value if isinstance(value, list) else _text(value) for name, value in found.items()}


class Server:
    """What both flavours have alike."""

    def __init__(self, wanted, folder):
        self.wanted, self.url, self.check, self.actions = wanted, wanted["url"], wanted["check"], []
        self.session = requests.Session()
        self.log_in(folder)

    def get(self, path, **options):
        """What is there; {} where nothing is."""
        answer = self.session.get(self.url + path, timeout=60, **options)
        return {} if answer.status_code == 404 else self._answer(answer)

    def put(self, path, body, action):
        """Record an action and do it, unless this is a check."""
        self.actions.append(action)
        if not self.check:
            self._answer(self.session.put(self.url + path, json=body, timeout=60))

    def _answer(self, answer):
        if not answer.ok:
            sys.exit(f"{answer.request.method} {answer.request.path_url}: {answer.status_code} {answer.text[:600]}")
        return answer.json()

    def serves(self):
        """Wait for a server with a master. In a check one that is not there yet is no fault."""
        deadline = time.monotonic() + (0 if self.check else PATIENCE)
        while True:
            try:
                answer = self.session.get(f"{self.url}/_cluster/health", timeout=10)
                if answer.ok:
                    return True
                reason = f"{answer.status_code} {answer.text[:300]}"
            except requests.RequestException as error:
                reason = error
            if time.monotonic() > deadline:
                if not self.check:
                    sys.exit(f"{self.url} does not serve: {reason}")
                return False
            time.sleep(2)

    def converge(self):
        """Everything declared, in an order in which each finds what it needs."""
        wanted = self.wanted
        if not holds(self.get("/_cluster/settings", params={"flat_settings": "true"})["persistent"], wanted["settings"]):
            self.put("/_cluster/settings", {"persistent": wanted["settings"]}, f"SET {', '.join(sorted(wanted['settings']))}")
        for name, phases in wanted["lifecycles"].items():
            self.lifecycle(name, phases)
        for name, declared in wanted["templates"].items():
            self.template(name, declared)
        for name, declared in wanted["indices"].items():
            self.index(name, declared)
        if not holds(self.get("/_snapshot/backup").get("backup"), wanted["repository"]):
            self.put("/_snapshot/backup", wanted["repository"], "REPOSITORY backup")
        for user in wanted["users"]:
            self.user(user)

    def template(self, name, declared):
        declared = self.with_lifecycle(declared)
        found = next(iter(self.get(f"/_index_template/{name}").get("index_templates", [])), {}).get("index_template", {})
        rest = {key: value for key, value in declared.items() if key != "template"}
        body, current = declared.get("template", {}), found.get("template", {})
        same = holds(found, rest) and body.get("mappings", {}) == current.get("mappings", {})
        if not (same and flat(body.get("settings")) == flat(current.get("settings"))):
            self.put(f"/_index_template/{name}", declared, f"TEMPLATE {name}")

    def index(self, name, declared):
        """Made when missing; what can change later, its mappings and dynamic settings, comes from the user of the index."""
        if declared.get("data_stream"):
            if not self.get(f"/_data_stream/{name}").get("data_streams"):
                self.put(f"/_data_stream/{name}", None, f"DATA STREAM {name}")
        elif not self.get(f"/{name}"):
            self.put(f"/{name}", declared, f"INDEX {name}")

    def privileges(self, kind, names):
        """Their names in this flavour."""
        table = self.wanted["privileges"][kind]
        return sorted({word for name in names for word in table.get(name, [name])})

    def grants(self, user, names, privileges):
        """What a user may do with indices, by the keys of this flavour's roles."""
        wanted = user.get("indices", [])
        return [{names: item["names"], privileges: self.privileges("indices", item["privileges"])} for item in wanted]

    def admits(self, name, password):
        """Whether a user gets in with a password."""
        answer = requests.get(self.url + self.WHO, auth=(name, password), timeout=60)
        return answer.status_code != 401 and bool(self._answer(answer))


class Elasticsearch(Server):
    WHO = "/_security/_authenticate"

    def log_in(self, _folder):
        self.session.auth = ("elastic", self.wanted["administrator"])

    def lifecycle(self, name, phases):
        if not holds(self.get(f"/_ilm/policy/{name}").get(name, {}).get("policy"), {"phases": phases}):
            self.put(f"/_ilm/policy/{name}", {"policy": {"phases": phases}}, f"LIFECYCLE {name}")

    def with_lifecycle(self, declared):
        declared = json.loads(json.dumps(declared))
        if name := declared.pop("lifecycle", None):
            declared.setdefault("template", {}).setdefault("settings", {})["lifecycle.name"] = name
        return declared

    def user(self, user):
        """One that an operator disabled stays disabled: a new password would enable it."""
        name = user["name"]
        role = {"cluster": self.privileges("cluster", user.get("cluster", [])), "indices": self.grants(user, "names", "privileges")}
        if not holds(self.get(f"/_security/role/{name}").get(name), role):
            self.put(f"/_security/role/{name}", role, f"ROLE {name}")
        found = self.get(f"/_security/user/{name}").get(name) or {}
        if found.get("enabled", True) and not (holds(found, {"roles": [name]}) and self.admits(name, user["password"])):
            self.put(f"/_security/user/{name}", {"password": user["password"], "roles": [name]}, f"USER {name}")


class OpenSearch(Server):
    WHO = "/_plugins/_security/authinfo"
    API = "/_plugins/_security/api"

    def log_in(self, folder):
        self.session.cert = f"{folder}/administrator.pem"
        Path(self.session.cert).write_text(self.wanted["administrator"]["key"] + self.wanted["administrator"]["cert"])

    def lifecycle(self, name, phases):
        """OpenSearch has a plugin of its own for that, which knows no such policies; the job elasticsearch-lifecycle follows them."""

    def with_lifecycle(self, declared):
        return {key: value for key, value in declared.items() if key != "lifecycle"}

    def converge(self):
        super().converge()
        self._password({"name": "elastic", "password": self.wanted["elastic_password"]})

    def user(self, user):
        name = user["name"]
        role = {
            "cluster_permissions": self.privileges("cluster", ["cluster_composite_ops", *user.get("cluster", [])]),
            "index_permissions": self.grants(user, "index_patterns", "allowed_actions"),
        }
        if not holds(self.get(f"{self.API}/roles/{name}").get(name), role):
            self.put(f"{self.API}/roles/{name}", role, f"ROLE {name}")
        self._password(user)
        if not holds(self.get(f"{self.API}/rolesmapping/{name}").get(name), {"users": [name]}):
            self.put(f"{self.API}/rolesmapping/{name}", {"users": [name]}, f"ROLE OF {name}")

    def _password(self, user):
        if not self.admits(user["name"], user["password"]):
            self.put(f"{self.API}/internalusers/{user['name']}", {"password": user["password"]}, f"USER {user['name']}")


def main():
    wanted = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        server = {"elasticsearch": Elasticsearch, "opensearch": OpenSearch}[wanted["flavour"]](wanted, folder)
        if server.serves():
            server.converge()
    print(json.dumps({"actions": server.actions}))


if __name__ == "__main__":
    main()
