"""What is declared in RabbitMQ: what is asked of its management API in which state."""

from __future__ import annotations

import base64
import hashlib
import importlib.util

import pytest

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


@pytest.fixture
def program(project):
    spec = importlib.util.spec_from_file_location("rabbitmq_objects", project / "roles/rabbitmq/files/objects.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Management:
    """As much of the API as the program uses; it keeps what it is told, by an administrator that it knows."""

    def __init__(self, program):
        self.kept, self.program, self.password = {}, program, "new"

    def renewed(self, name, password):
        if name == "admin":
            self.password = password

    def request(self, method, *path, body=None):
        if (admin := self.kept.get(("users", "admin"))) and not self.program.knows(self.password, admin):
            raise self.program.Failure(f"{method} {'/'.join(path)}: 401")
        if method == "GET":
            return self.kept.get(path)
        if path[0] == "bindings":
            self.kept.setdefault(path, []).append(body)
        elif path[0] == "users":
            self.kept[path] = hashed(body["password"]) | {"tags": [tag for tag in body["tags"].split(",") if tag]}
        else:
            self.kept[path] = dict(body)


@pytest.fixture
def api(program):
    return Management(program)


def run(program, api, check=False, **changes):
    return program.converge(api, {**WANTED, "check": check, **changes})


def test_what_is_missing_is_made_once(program, api):
    assert run(program, api) == [
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
    assert run(program, api) == []


def test_a_check_names_all_and_makes_nothing(program, api):
    assert len(run(program, api, check=True)) == 9
    assert not api.kept


def test_queues_are_quorum_queues(program, api):
    run(program, api)
    assert api.kept["queues", "voice", "work"]["arguments"] == {"x-queue-type": "quorum"}


def test_a_new_password_is_set(program, api):
    run(program, api)
    assert run(program, api, passwords=["newer", "new"]) == ["UPDATE USER admin password"]
    assert run(program, api, passwords=["newer", "new"]) == []


def test_a_changed_policy_is_put(program, api):
    run(program, api)
    changed = [{"name": "bounded", "pattern": ".*", "definition": {"max-length-bytes": 20}}]
    assert run(program, api, policies=changed) == ["UPDATE POLICY bounded"]


def test_what_cannot_change_is_refused_by_name(program, api):
    run(program, api)
    with pytest.raises(program.Failure, match=r"exchange tasks: found .*topic.* wanted .*fanout"):
        run(program, api, exchanges=[{"name": "tasks", "type": "fanout"}])


def test_arguments_that_the_server_adds_are_no_difference(program, api):
    run(program, api)
    api.kept["queues", "voice", "work"]["arguments"]["x-queue-leader-locator"] = "balanced"
    assert run(program, api) == []


@pytest.mark.parametrize("kind", ["sha256", "sha512"])
def test_a_password_is_known_by_its_hash(program, kind):
    assert program.knows("word", hashed("word", kind))
    assert not program.knows("other", hashed("word", kind))
