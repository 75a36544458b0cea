"""What is declared in RabbitMQ: what is asked of its management API in which state."""

from __future__ import annotations

import base64
import hashlib

import pytest
import requests

from programs import waiting
from programs.http import HttpError
from programs.protocol import Absent, Actions, Refusal
from programs.rabbitmq import objects as program

WANTED = {
    "admin": "admin",
    "passwords": ["new", "previous"],
    "vhost": "voice",
    "users": [{"name": "app", "password": "word", "permissions": {"configure": "", "write": ".*", "read": ".*"}}],
    "policies": [{"name": "bounded", "pattern": ".*", "definition": {"max-length-bytes": 10}}],
    "exchanges": [{"name": "tasks", "type": "topic"}],
    "queues": [{"name": "work"}],
    "bindings": [{"source": "tasks", "queue": "work", "routing_key": "voice.#"}],
}


def hashed(password, kind="sha256"):
    salt = b"salt"
    digest = base64.b64encode(salt + hashlib.new(kind, salt + password.encode()).digest()).decode()
    return {"password_hash": digest, "hashing_algorithm": f"rabbit_password_hashing_{kind}"}


class Management:
    """As much of the API as the program uses; it keeps what it is told, by an administrator that it knows."""

    def __init__(self):
        self.kept, self.password = {}, "new"

    def renewed(self, name, password):
        if name == "admin":
            self.password = password

    def request(self, method, *path, body=None):
        if (admin := self.kept.get(("users", "admin"))) and not program.knows(self.password, admin):
            raise Refusal(f"{method} {'/'.join(path)}: 401")
        if method == "GET":
            return self.kept.get(path)
        if path[0] == "bindings":
            self.kept.setdefault(path, []).append(body)
        elif path[0] == "users":
            self.kept[path] = hashed(body["password"]) | {"tags": [tag for tag in body["tags"].split(",") if tag]}
        else:
            self.kept[path] = dict(body)


@pytest.fixture
def api():
    return Management()


def run(api, check=False, **changes):
    actions = Actions(check)
    program.everything(api, WANTED | changes, actions)
    return actions.names


def test_what_is_missing_is_made_once(api):
    assert run(api) == [
        "CREATE VHOST voice",
        "CREATE USER admin",
        "GRANT voice TO admin",
        "CREATE USER app",
        "GRANT voice TO app",
        "CREATE POLICY bounded",
        "CREATE EXCHANGE tasks",
        "CREATE QUEUE work",
        "BIND tasks TO work voice.#",
    ]
    assert run(api) == []


def test_a_check_names_all_and_makes_nothing(api):
    assert len(run(api, check=True)) == 9
    assert not api.kept


def test_queues_are_quorum_queues(api):
    run(api)
    assert api.kept["queues", "voice", "work"]["arguments"] == {"x-queue-type": "quorum"}


def test_a_new_password_is_set(api):
    run(api)
    assert run(api, passwords=["newer", "new"]) == ["UPDATE USER admin password"]
    assert run(api, passwords=["newer", "new"]) == []


def test_a_changed_policy_is_put(api):
    run(api)
    changed = [{"name": "bounded", "pattern": ".*", "definition": {"max-length-bytes": 20}}]
    assert run(api, policies=changed) == ["UPDATE POLICY bounded"]


def test_what_cannot_change_is_refused_by_name(api):
    run(api)
    with pytest.raises(Refusal, match=r"exchange tasks: found .*topic.* wanted .*fanout"):
        run(api, exchanges=[{"name": "tasks", "type": "fanout"}])


def test_arguments_that_the_server_adds_are_no_difference(api):
    run(api)
    api.kept["queues", "voice", "work"]["arguments"]["x-queue-leader-locator"] = "balanced"
    assert run(api) == []


@pytest.mark.parametrize("kind", ["sha256", "sha512"])
def test_a_password_is_known_by_its_hash(kind):
    assert program.knows("word", hashed("word", kind))
    assert not program.knows("other", hashed("word", kind))


class Door:
    """The API's whoami: lets one password in, and is not there at first."""

    def __init__(self, management, lets_in, away=0):
        self.management, self.lets_in, self.away, self.tried = management, lets_in, away, []

    def __call__(self, method, path, body=None, timeout=None):
        if self.away:
            self.away -= 1
            raise requests.ConnectionError("refused")
        self.tried.append(self.management.server.session.auth)
        if self.tried[-1][1] != self.lets_in:
            raise HttpError("GET /api/whoami: 401", 401)
        return {"name": "admin"}


@pytest.fixture
def door(monkeypatch):
    monkeypatch.setattr(waiting.time, "sleep", lambda seconds: None)

    def make(lets_in, away=0):
        management = program.Management(WANTED | {"url": "https://rabbitmq:15671"})
        opened = Door(management, lets_in, away)
        monkeypatch.setattr(management.server, "call", opened)
        return management, opened

    return make


@pytest.mark.parametrize(("lets_in", "tried"), [("new", ["new"]), ("previous", ["new", "previous"])])
def test_the_administrator_goes_on_with_the_password_that_is_in_force(door, lets_in, tried):
    management, opened = door(lets_in, away=2)
    management.enter(60)
    assert [password for _, password in opened.tried] == tried
    management.renewed("app", "word")
    assert management.server.session.auth == ("admin", lets_in)
    management.renewed("admin", "newer")
    assert management.server.session.auth == ("admin", "newer")


def test_who_lets_nobody_in_is_no_absent_server(door):
    management, _ = door("other")
    with pytest.raises(HttpError, match="401"):
        management.enter(0)
    management, _ = door("new", away=10)
    with pytest.raises(Absent, match="does not answer"):
        management.enter(-1)
