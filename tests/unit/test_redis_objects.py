"""What of Redis's users is not as declared, and what is done about it."""

from __future__ import annotations

import hashlib
import importlib.util
import re

import pytest
import yaml

USER = {"name": "app", "password": "new", "previous": "old", "commands": "+@all -@admin", "keys": "~*", "channels": "&*"}


@pytest.fixture
def objects(project):
    spec = importlib.util.spec_from_file_location("redis_objects", project / "roles/redis/files/objects.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Server:
    """A member that knows users."""

    def __init__(self, **users):
        self.users, self.settings, self.said = users, {"masterauth": "secret"}, []

    def execute_command(self, *words):
        if words[:2] == ("ACL", "GETUSER"):
            return self.users.get(words[2])
        self.said.append(words)
        _, _, name, *rules = words
        passwords = [rule[1:] for rule in rules if rule.startswith("#")]
        commands = " ".join(rule for rule in rules if re.match(r"[+-]", rule))
        self.users[name] = {"passwords": passwords, "commands": commands, "keys": "~*", "channels": "&*"}
        return "OK"

    def config_get(self, name):
        return {name: self.settings[name]}

    def config_set(self, name, value):
        self.settings[name] = value


def hashed(*passwords):
    return [hashlib.sha256(word.encode()).hexdigest() for word in passwords]


def wanted(**changes):
    return {"users": [USER], "replication": "secret", "check": False} | changes


def test_a_missing_user_is_made_and_both_passwords_count(objects):
    server = Server()
    assert objects.keep_users(server, wanted(), "redis-0.redis") == ["CREATE USER app on redis-0"]
    assert set(server.users["app"]["passwords"]) == set(hashed("new", "old"))
    assert not any("new" in word or "old" in word for word in server.said[0])
    assert objects.keep_users(server, wanted(), "redis-0.redis") == []


@pytest.mark.parametrize(
    ("found", "action"),
    [
        ({"passwords": hashed("other")}, "SET PASSWORD OF USER app on redis-0"),
        ({"commands": "+@all"}, "SET RULES OF USER app on redis-0"),
    ],
)
def test_a_user_that_differs_is_set_unless_checking(objects, found, action):
    there = {"passwords": hashed("new", "old"), "commands": USER["commands"], "keys": "~*", "channels": "&*"} | found
    server = Server(app=dict(there))
    assert objects.keep_users(server, wanted(check=True), "redis-0.redis") == [action]
    assert server.said == []
    assert objects.keep_users(server, wanted(), "redis-0.redis") == [action]


def test_rules_that_redis_shows_otherwise_are_refused(objects):
    server = Server()
    server.execute_command = lambda *words: {"passwords": hashed("new", "old"), "commands": "+@all", "keys": "~*", "channels": "&*"}
    with pytest.raises(objects.Failure, match="SET RULES OF USER app"):
        objects.keep_users(server, wanted(), "redis-0.redis")


def test_a_replica_learns_the_new_password_of_replication(objects):
    server = Server(app={"passwords": hashed("new", "old"), "commands": USER["commands"], "keys": "~*", "channels": "&*"})
    assert objects.keep_users(server, wanted(replication="next"), "redis-0.redis") == ["SET PASSWORD OF REPLICATION on redis-0"]
    assert server.settings["masterauth"] == "next"


def test_only_the_administrator_reads_the_configuration(project):
    """It holds the password of replication, with which everything can be copied."""
    members = yaml.safe_load((project / "roles/redis/vars/main.yml").read_text())["redis_member_users"]
    users = members + yaml.safe_load((project / "roles/redis/defaults/main.yml").read_text())["redis_users"]
    rules = {user["name"]: user["commands"].split() for user in users}
    may = {name for name, words in rules.items() if any(word.startswith("+config") for word in words)}
    may |= {name for name, words in rules.items() if "+@all" in words and not {"-@admin", "-@dangerous"} <= set(words)}
    assert may == {"admin"}
