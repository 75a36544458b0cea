"""Keeps the declared objects of Elasticsearch, or of OpenSearch in its place; never drops one.

Input: flavour, url, administrator (elastic's password, or {cert, key}), elastic_password, privileges, settings, repository, lifecycles,
templates, indices, users.
"""

from __future__ import annotations

import json
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import requests

from programs import http, protocol
from programs.http import HttpError
from programs.protocol import Absent, Actions, Wanted
from programs.waiting import until

Json = dict[str, Any]


def holds(found: Any, wanted: Any) -> bool:
    """Whether everything wanted is in what was found; servers add defaults and write numbers as texts."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(key in found and holds(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(any(holds(f, w) for f in found) for w in wanted)
    return _text(found) == _text(wanted)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def flat(settings: Json | None, prefix: str = "") -> dict[str, Any]:
    """Settings of an index by their whole names, as texts."""
    found: dict[str, Any] = {}
    for key, value in (settings or {}).items():
        name = f"{prefix}{key}"
        found |= flat(value, f"{name}.") if isinstance(value, dict) else {name.removeprefix("index."): value}
    return {name: value if isinstance(value, list) else _text(value) for name, value in found.items()}


class Server(ABC):
    """What both flavours have alike.

    :param folder: where a client's certificate may lie, for as long as this is used.
    """

    WHO: str  # says who asks

    def __init__(self, wanted: Wanted, actions: Actions, folder: str) -> None:
        self.wanted, self.actions = wanted, actions
        self.server = self.connect(wanted, folder)

    @abstractmethod
    def connect(self, wanted: Wanted, folder: str) -> http.Server:
        """The server, as its administrator."""

    @abstractmethod
    def lifecycle(self, name: str, phases: Json) -> None:
        """A policy of lifecycles."""

    @abstractmethod
    def with_lifecycle(self, declared: Json) -> Json:
        """A declared template in this flavour's words."""

    @abstractmethod
    def user(self, user: Json) -> None:
        """A user, and what it may do."""

    def get(self, path: str, **options: Any) -> Json:
        """What is there; {} where nothing is."""
        return self.server.find(path, **options) or {}

    def put(self, path: str, body: Json | None, action: str) -> None:
        """Record an action and do it, unless this is a check."""
        if self.actions.add(action):
            self.server.call("PUT", path, body)

    def serves(self, patience: float) -> None:
        """Wait for a server with a master.

        :raises Absent: there is none.
        """
        try:
            until(lambda: self.server.call("GET", "/_cluster/health", timeout=10), patience, pause=2, faults=http.FAULTS)
        except http.FAULTS as error:
            raise Absent(f"{self.server.url} does not serve: {error}") from error

    def converge(self) -> None:
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

    def template(self, name: str, declared: Json) -> None:
        declared = self.with_lifecycle(declared)
        found = next(iter(self.get(f"/_index_template/{name}").get("index_templates", [])), {}).get("index_template", {})
        rest = {key: value for key, value in declared.items() if key != "template"}
        body, current = declared.get("template", {}), found.get("template", {})
        same = holds(found, rest) and body.get("mappings", {}) == current.get("mappings", {})
        if not (same and flat(body.get("settings")) == flat(current.get("settings"))):
            self.put(f"/_index_template/{name}", declared, f"TEMPLATE {name}")

    def index(self, name: str, declared: Json) -> None:
        """Made when missing; what can change later, its mappings and dynamic settings, comes from the user of the index."""
        if declared.get("data_stream"):
            if not self.get(f"/_data_stream/{name}").get("data_streams"):
                self.put(f"/_data_stream/{name}", None, f"DATA STREAM {name}")
        elif not self.get(f"/{name}"):
            self.put(f"/{name}", declared, f"INDEX {name}")

    def privileges(self, kind: str, names: list[str]) -> list[str]:
        """Their names in this flavour."""
        table = self.wanted["privileges"][kind]
        return sorted({word for name in names for word in table.get(name, [name])})

    def grants(self, user: Json, names: str, privileges: str) -> list[Json]:
        """What a user may do with indices, by the keys of this flavour's roles."""
        wanted = user.get("indices", [])
        return [{names: item["names"], privileges: self.privileges("indices", item["privileges"])} for item in wanted]

    def admits(self, name: str, password: str) -> bool:
        """Whether a user gets in with a password."""
        try:
            return bool(http.Server(self.server.url, (name, password)).call("GET", self.WHO))
        except HttpError as error:
            if error.status == 401:
                return False
            raise


class Elasticsearch(Server):
    WHO = "/_security/_authenticate"

    def connect(self, wanted: Wanted, folder: str) -> http.Server:
        return http.Server(wanted["url"], ("elastic", wanted["administrator"]))

    def lifecycle(self, name: str, phases: Json) -> None:
        if not holds(self.get(f"/_ilm/policy/{name}").get(name, {}).get("policy"), {"phases": phases}):
            self.put(f"/_ilm/policy/{name}", {"policy": {"phases": phases}}, f"LIFECYCLE {name}")

    def with_lifecycle(self, declared: Json) -> Json:
        declared = json.loads(json.dumps(declared))
        if name := declared.pop("lifecycle", None):
            declared.setdefault("template", {}).setdefault("settings", {})["lifecycle.name"] = name
        return declared

    def user(self, user: Json) -> None:
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

    def connect(self, wanted: Wanted, folder: str) -> http.Server:
        pair = Path(folder, "administrator.pem")
        pair.write_text(wanted["administrator"]["key"] + wanted["administrator"]["cert"])
        return http.Server(wanted["url"], cert=str(pair))

    def lifecycle(self, name: str, phases: Json) -> None:
        """OpenSearch has a plugin of its own for that, which knows no such policies; the job elasticsearch-lifecycle follows them."""

    def with_lifecycle(self, declared: Json) -> Json:
        return {key: value for key, value in declared.items() if key != "lifecycle"}

    def converge(self) -> None:
        super().converge()
        self._password({"name": "elastic", "password": self.wanted["elastic_password"]})

    def user(self, user: Json) -> None:
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

    def _password(self, user: Json) -> None:
        if not self.admits(user["name"], user["password"]):
            self.put(f"{self.API}/internalusers/{user['name']}", {"password": user["password"]}, f"USER {user['name']}")


FLAVOURS = {"elasticsearch": Elasticsearch, "opensearch": OpenSearch}


def converge(wanted: Wanted, actions: Actions) -> None:
    """See programs.protocol."""
    with tempfile.TemporaryDirectory() as folder:
        server = FLAVOURS[wanted["flavour"]](wanted, actions, folder)
        server.serves(protocol.patience(wanted))
        server.converge()


if __name__ == "__main__":
    protocol.keep(converge, requests.RequestException)
