"""Keep RabbitMQ as declared, through its management API: virtual host, users, permissions, policies, exchanges, queues and bindings.

Runs in the toolbox; see the module toolbox_program. Nothing is dropped, and what cannot change in place, as a queue's kind, is refused.
"""

import base64
import hashlib
import json
import sys
import time
from urllib.parse import quote

import requests

PAUSE = 2
DURABLE = {"durable": True, "auto_delete": False}


class Failure(Exception):
    """RabbitMQ is not there, or refuses."""


class Management:
    """The management API, as the administrator. While the password is being replaced, the server may still know only the previous one."""

    def __init__(self, wanted):
        self.url, self.user, self.passwords = wanted["url"], wanted["admin"], list(dict.fromkeys(wanted["passwords"]))
        self.session = requests.Session()

    def request(self, method, *path, body=None):
        """What the API answers, or None for what does not exist."""
        address = "/".join([self.url, "api", *(quote(part, safe="") for part in path)])
        answer = self.session.request(method, address, json=body, timeout=20)
        if answer.status_code == 404 and method == "GET":
            return None
        if not answer.ok:
            raise Failure(f"{method} {'/'.join(path)}: {answer.status_code} {answer.text.strip()[:400]}")
        return answer.json() if answer.content else {}

    def enter(self, deadline):
        """Wait until it lets the administrator in; whether it is there at all."""
        while True:
            for password in self.passwords:
                self.session.auth = (self.user, password)
                try:
                    status = self.session.get(f"{self.url}/api/whoami", timeout=10).status_code
                except requests.RequestException as error:
                    status = error
                if status == 200:
                    return True
            if time.monotonic() > deadline:
                if isinstance(status, requests.ConnectionError):
                    return False
                raise Failure(f"{self.url} as {self.user}: {status}")
            time.sleep(PAUSE)

    def renewed(self, name, password):
        """A user has another password from now on: the administrator goes on with it."""
        if name == self.user:
            self.session.auth = (name, password)


def knows(password, user):
    """Whether the server's hash is one of this password: a salt of four bytes, then the digest of salt and password."""
    kind = {"rabbit_password_hashing_sha256": "sha256", "rabbit_password_hashing_sha512": "sha512"}.get(user["hashing_algorithm"])
    raw = base64.b64decode(user["password_hash"])
    return kind is not None and raw[4:] == hashlib.new(kind, raw[:4] + password.encode()).digest()


class Converge:
    """Compares and acts; `actions` is what was done, or would be."""

    def __init__(self, api, wanted):
        self.api, self.check, self.vhost, self.actions = api, wanted["check"], wanted["vhost"], []

    def put(self, action, *path, body, method="PUT"):
        """Do it, unless this is a check."""
        self.actions.append(action)
        if not self.check:
            self.api.request(method, *path, body=body)
            if path[0] == "users":
                self.api.renewed(path[1], body["password"])

    def virtual_host(self):
        """Whose queues are quorum queues unless they say otherwise."""
        found = self.api.request("GET", "vhosts", self.vhost)
        if not found or found.get("default_queue_type") != "quorum":
            self.put(f"{'UPDATE' if found else 'CREATE'} VHOST {self.vhost}", "vhosts", self.vhost, body={"default_queue_type": "quorum"})

    def user(self, name, password, tags, permissions):
        """A user, and what it may do in the virtual host."""
        found, body = self.api.request("GET", "users", name), {"password": password, "tags": ",".join(tags)}
        if not found:
            self.put(f"CREATE USER {name}", "users", name, body=body)
        elif not knows(password, found):
            self.put(f"UPDATE USER {name} password", "users", name, body=body)
        elif sorted(found["tags"]) != sorted(tags):
            self.put(f"UPDATE USER {name} tags", "users", name, body=body)
        granted = self.api.request("GET", "permissions", self.vhost, name) or {}
        if {key: granted.get(key) for key in permissions} != permissions:
            self.put(f"GRANT {self.vhost} TO {name}", "permissions", self.vhost, name, body=permissions)

    def policy(self, wanted):
        """What holds for the queues whose names match."""
        body = {"apply-to": "quorum_queues", "priority": 0, **{key: value for key, value in wanted.items() if key != "name"}}
        found = self.api.request("GET", "policies", self.vhost, wanted["name"])
        if not found or any(found.get(key) != value for key, value in body.items()):
            self.put(f"{'UPDATE' if found else 'CREATE'} POLICY {wanted['name']}", "policies", self.vhost, wanted["name"], body=body)

    def fixed(self, kind, name, body):
        """An exchange or a queue: once made, it is as it is."""
        found = self.api.request("GET", kind, self.vhost, name)
        if not found:
            self.put(f"CREATE {kind[:-1].upper()} {name}", kind, self.vhost, name, body=body)
        elif differing := sorted(key for key, value in body.items() if not same(value, found.get(key))):
            told = {key: found.get(key) for key in differing}
            raise Failure(
                f"{kind[:-1]} {name}: found {told}; wanted {body}. It cannot change in place: delete it by hand, or declare it as it is."
            )

    def binding(self, source, queue, routing_key="", arguments=None):
        """From an exchange to a queue."""
        path, body = ("bindings", self.vhost, "e", source, "q", queue), {"routing_key": routing_key, "arguments": arguments or {}}
        found = self.api.request("GET", *path) or []
        if not any(all(other[key] == value for key, value in body.items()) for other in found):
            self.put(f"BIND {source} TO {queue} {routing_key}".strip(), *path, body=body, method="POST")


def same(value, found):
    """Arguments that the server adds are none of the declaration's."""
    return all((found or {}).get(key) == part for key, part in value.items()) if isinstance(value, dict) else value == found


def converge(api, wanted):
    """Everything, in the order in which one thing needs another."""
    step = Converge(api, wanted)
    step.virtual_host()
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    step.user(wanted["admin"], wanted["passwords"][0], ["administrator"], everything)
    for user in wanted["users"]:
        step.user(user["name"], user["password"], user.get("tags") or [], user["permissions"])
    for policy in wanted["policies"]:
        step.policy(policy)
    for exchange in wanted["exchanges"]:
        step.fixed("exchanges", exchange["name"], {**DURABLE, "type": exchange["type"], "arguments": exchange.get("arguments") or {}})
    for queue in wanted["queues"]:
        arguments = {"x-queue-type": "quorum", **(queue.get("arguments") or {})}
        step.fixed("queues", queue["name"], {**DURABLE, "arguments": arguments})
    for binding in wanted["bindings"]:
        step.binding(**binding)
    return step.actions


def main():
    """See the module toolbox_program."""
    wanted = json.load(sys.stdin)
    api = Management(wanted)
    try:
        there = api.enter(time.monotonic() + (0 if wanted["check"] else wanted["patience"]))
        if not there and not wanted["check"]:
            raise Failure(f"{wanted['url']} does not answer")
        actions = converge(api, wanted) if there else []  # it would come with this very run
    except (Failure, requests.RequestException) as error:
        sys.exit(str(error))
    print(json.dumps({"actions": actions}))


if __name__ == "__main__":
    main()
