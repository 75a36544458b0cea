"""Keeps RabbitMQ as declared, through its management API: virtual host, users, permissions, policies, exchanges, queues and bindings.

Nothing is dropped, and what cannot change in place, as a queue's kind, is refused.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Protocol
from urllib.parse import quote

import requests

from programs import protocol
from programs.http import FAULTS, HttpError, Server
from programs.protocol import Absent, Actions, Refusal, Wanted
from programs.waiting import until

Json = dict[str, Any]
PAUSE = 2
DURABLE = {"durable": True, "auto_delete": False}


class Api(Protocol):
    """What is asked of the management API."""

    def request(self, method: str, *path: str, body: Json | None = None) -> Any: ...

    def renewed(self, name: str, password: str) -> None: ...


class Management:
    """The management API, as the administrator. While the password is being replaced, the server may still know only the previous one.

    :param timeout: seconds for a request.
    """

    def __init__(self, wanted: Wanted, timeout: float = 20) -> None:
        self.user, self.passwords = wanted["admin"], wanted["passwords"]
        self.server = Server(wanted["url"], timeout=timeout)

    def request(self, method: str, *path: str, body: Json | None = None) -> Any:
        """What the API answers, or None for what does not exist."""
        address = "/".join(["/api", *(quote(part, safe="") for part in path)])
        return self.server.find(address) if method == "GET" else self.server.call(method, address, body)

    def enter(self, patience: float) -> None:
        """Wait until it lets the administrator in.

        :raises Absent: it does not answer.
        :raises HttpError: it lets nobody in.
        """
        try:
            until(lambda: protocol.admitted(self.passwords, self._admits), patience, pause=PAUSE, faults=FAULTS)
        except requests.ConnectionError as error:
            raise Absent(f"{self.server.url} does not answer: {error}") from error

    def _admits(self, password: str) -> bool:
        self.server.session.auth = (self.user, password)
        try:
            self.server.call("GET", "/api/whoami", timeout=min(10, self.server.timeout))
        except HttpError:
            if password == self.passwords[-1]:
                raise
            return False
        return True

    def renewed(self, name: str, password: str) -> None:
        """A user has another password from now on: the administrator goes on with it."""
        if name == self.user:
            self.server.session.auth = (name, password)


def knows(password: str, user: Json) -> bool:
    """Whether the server's hash is one of this password: a salt of four bytes, then the digest of salt and password."""
    kind = {"rabbit_password_hashing_sha256": "sha256", "rabbit_password_hashing_sha512": "sha512"}.get(user["hashing_algorithm"])
    raw = base64.b64decode(user["password_hash"])
    return kind is not None and raw[4:] == hashlib.new(kind, raw[:4] + password.encode()).digest()


class Converge:
    """Compares and acts."""

    def __init__(self, api: Api, vhost: str, actions: Actions) -> None:
        self.api, self.vhost, self.actions = api, vhost, actions

    def put(self, action: str, *path: str, body: Json, method: str = "PUT") -> None:
        """Do it, unless this is a check."""
        if self.actions.add(action):
            self.api.request(method, *path, body=body)
            if path[0] == "users":
                self.api.renewed(path[1], body["password"])

    def virtual_host(self) -> None:
        """Whose queues are quorum queues unless they say otherwise."""
        found = self.api.request("GET", "vhosts", self.vhost)
        if not found or found.get("default_queue_type") != "quorum":
            self.put(f"{'UPDATE' if found else 'CREATE'} VHOST {self.vhost}", "vhosts", self.vhost, body={"default_queue_type": "quorum"})

    def user(self, name: str, password: str, tags: list[str], permissions: Json) -> None:
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

    def policy(self, wanted: Json) -> None:
        """What holds for the queues whose names match."""
        body = {"apply-to": "quorum_queues", "priority": 0, **{key: value for key, value in wanted.items() if key != "name"}}
        found = self.api.request("GET", "policies", self.vhost, wanted["name"])
        if not found or any(found.get(key) != value for key, value in body.items()):
            self.put(f"{'UPDATE' if found else 'CREATE'} POLICY {wanted['name']}", "policies", self.vhost, wanted["name"], body=body)

    def fixed(self, kind: str, name: str, body: Json) -> None:
        """An exchange or a queue: once made, it is as it is."""
        found = self.api.request("GET", kind, self.vhost, name)
        if not found:
            self.put(f"CREATE {kind[:-1].upper()} {name}", kind, self.vhost, name, body=body)
        elif differing := sorted(key for key, value in body.items() if not same(value, found.get(key))):
            told = {key: found.get(key) for key in differing}
            raise Refusal(
                f"{kind[:-1]} {name}: found {told}; wanted {body}. It cannot change in place: delete it by hand, or declare it as it is."
            )

    def binding(self, source: str, queue: str, routing_key: str = "", arguments: Json | None = None) -> None:
        """From an exchange to a queue."""
        path, body = ("bindings", self.vhost, "e", source, "q", queue), {"routing_key": routing_key, "arguments": arguments or {}}
        found = self.api.request("GET", *path) or []
        if not any(all(other[key] == value for key, value in body.items()) for other in found):
            self.put(f"BIND {source} TO {queue} {routing_key}".strip(), *path, body=body, method="POST")


def same(value: Any, found: Any) -> bool:
    """Arguments that the server adds are none of the declaration's."""
    return all((found or {}).get(key) == part for key, part in value.items()) if isinstance(value, dict) else value == found


def everything(api: Api, wanted: Wanted, actions: Actions) -> None:
    """In the order in which one thing needs another."""
    step = Converge(api, wanted["vhost"], actions)
    step.virtual_host()
    step.user(wanted["admin"], wanted["passwords"][0], ["administrator"], {"configure": ".*", "write": ".*", "read": ".*"})
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


def converge(wanted: Wanted, actions: Actions) -> None:
    """See programs.protocol."""
    api = Management(wanted)
    api.enter(protocol.patience(wanted))
    everything(api, wanted, actions)


if __name__ == "__main__":
    protocol.keep(converge, requests.RequestException)
