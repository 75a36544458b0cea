"""What of Redis's users is not as declared, and what is done about it."""

from __future__ import annotations

import hashlib
import re
from types import SimpleNamespace

import pytest
import redis
import yaml

from programs import waiting
from programs.protocol import Absent, Actions, Refusal
from programs.redis import backup, objects

USER = {"name": "app", "password": "new", "previous": "old", "commands": "+@all -@admin", "keys": "~*", "channels": "&*"}


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


def keep_users(server, check=False, **changes):
    """What is done about the users of redis-0."""
    actions = Actions(check)
    objects.keep_users(server, {"users": [USER], "replication": "secret"} | changes, "redis-0.redis", actions)
    return actions.names


def test_a_missing_user_is_made_and_both_passwords_count():
    server = Server()
    assert keep_users(server) == ["CREATE USER app on redis-0"]
    assert set(server.users["app"]["passwords"]) == set(hashed("new", "old"))
    assert not any("new" in word or "old" in word for word in server.said[0])
    assert keep_users(server) == []


@pytest.mark.parametrize(
    ("found", "action"),
    [
        ({"passwords": hashed("other")}, "SET PASSWORD OF USER app on redis-0"),
        ({"commands": "+@all"}, "SET RULES OF USER app on redis-0"),
    ],
)
def test_a_user_that_differs_is_set_unless_checking(found, action):
    there = {"passwords": hashed("new", "old"), "commands": USER["commands"], "keys": "~*", "channels": "&*"} | found
    server = Server(app=dict(there))
    assert keep_users(server, check=True) == [action]
    assert server.said == []
    assert keep_users(server) == [action]


def test_rules_that_redis_shows_otherwise_are_refused():
    server = Server()
    server.execute_command = lambda *words: {"passwords": hashed("new", "old"), "commands": "+@all", "keys": "~*", "channels": "&*"}
    with pytest.raises(Refusal, match="SET RULES OF USER app"):
        keep_users(server)


def test_a_replica_learns_the_new_password_of_replication():
    server = Server(app={"passwords": hashed("new", "old"), "commands": USER["commands"], "keys": "~*", "channels": "&*"})
    assert keep_users(server, replication="next") == ["SET PASSWORD OF REPLICATION on redis-0"]
    assert server.settings["masterauth"] == "next"


def test_only_the_administrator_reads_the_configuration(project):
    """It holds the password of replication, with which everything can be copied."""
    members = yaml.safe_load((project / "roles/redis/vars/main.yml").read_text())["redis_member_users"]
    users = members + yaml.safe_load((project / "roles/redis/defaults/main.yml").read_text())["redis_users"]
    rules = {user["name"]: user["commands"].split() for user in users}
    may = {name for name, words in rules.items() if any(word.startswith("+config") for word in words)}
    may |= {name for name, words in rules.items() if "+@all" in words and not {"-@admin", "-@dangerous"} <= set(words)}
    assert may == {"admin"}


WHOLE = ("", False, False)
CLUSTER = {"hosts": "redis-%d.redis", "port": 6379, "members": 2, "users": [{"name": "admin", "password": "word"}], "patience": 60}


@pytest.fixture
def cluster(monkeypatch):
    """``cluster(looks, …)``: converge members that say at each look what stands there (None: no answer); its actions and its redis-cli."""

    def run(looks, check=False, **changes):
        looks, said, actions = iter(looks), [], Actions(check)
        now = {}

        def connect(wanted, host):
            if host.startswith("redis-0"):
                now.clear()
                now.update(zip(("redis-0.redis", "redis-1.redis"), next(looks), strict=True))
            return host if now[host] else None

        monkeypatch.setattr(waiting.time, "sleep", lambda seconds: None)
        monkeypatch.setattr(objects, "connect", connect)
        monkeypatch.setattr(objects, "state", lambda client, wanted: now[client])
        monkeypatch.setattr(objects, "keep_users", lambda client, wanted, host, actions: actions.add(f"SEE TO {host}"))
        monkeypatch.setattr(objects, "work_on_all", lambda wanted, *command: said.append(command))
        objects.converge(CLUSTER | {"check": check} | changes, actions)
        return actions.names, said

    return run


SEEN = ["SEE TO redis-0.redis", "SEE TO redis-1.redis"]


def test_members_are_waited_for_and_each_is_seen_to_once(cluster):
    assert cluster([(WHOLE, None), (("catches up", False, False), WHOLE), (WHOLE, WHOLE)]) == (SEEN, [])


def test_empty_primaries_get_slots_and_moves_are_finished(cluster):
    actions, said = cluster([(("", True, False), ("", False, True))])
    assert actions == [*SEEN, "FINISH MOVES OF SLOTS", "MOVE SLOTS TO redis-0"]
    assert said == [("fix",), ("rebalance", "--cluster-use-empty-masters")]
    assert cluster([(("", True, False), WHOLE)], check=True) == ([*SEEN, "MOVE SLOTS TO redis-0"], [])


def test_without_patience_only_who_answers_is_seen_to(cluster):
    assert cluster([(WHOLE, None)], patience=0) == (SEEN[:1], [])


def test_a_cluster_that_does_not_become_whole_is_refused_by_member(cluster):
    with pytest.raises(Refusal, match=r"^redis-0.redis: catches up; redis-1.redis: does not answer$"):
        cluster([(("catches up", False, False), None)], patience=-1)
    with pytest.raises(Absent):
        cluster([(None, None)], check=True)


class Member:
    """A member that lets in who brings its password."""

    def __init__(self, password, fault=redis.AuthenticationError):
        self.password, self.fault = password, fault

    def __call__(self, host, port, user, password, timeout, connect_timeout):
        def ping():
            if password != self.password:
                raise self.fault("no")

        return type("Client", (), {"ping": staticmethod(ping), "password": password})()


def test_a_member_may_know_only_the_password_before(monkeypatch):
    wanted = CLUSTER | {"users": [{"name": "admin", "password": "new", "previous": "old"}]}
    monkeypatch.setattr(objects.connection, "member", Member("old"))
    assert objects.connect(wanted, "redis-0.redis").password == "old"
    monkeypatch.setattr(objects.connection, "member", Member("other"))
    with pytest.raises(Refusal, match="refuses the administrator's password"):
        objects.connect(wanted, "redis-0.redis")
    monkeypatch.setattr(objects.connection, "member", Member("other", redis.ConnectionError))
    assert objects.connect(wanted, "redis-0.redis") is None


@pytest.mark.parametrize(
    ("slots", "primary", "found"),
    [([0, 16383], "online", [("0-16383", "a")]), ([0, 100], "online", "found 101 slots"), ([0, 16383], "failed", "found no primary")],
)
def test_a_backup_is_of_all_slots(monkeypatch, slots, primary, found):
    nodes = [["hostname", "a", "role", "master", "health", primary], ["hostname", "b", "role", "replica", "health", "online"]]
    monkeypatch.setenv("REDIS_HOST", "redis")
    monkeypatch.setattr(backup, "member", lambda host: SimpleNamespace(execute_command=lambda *_: [["slots", slots, "nodes", nodes]]))
    if isinstance(found, list):
        assert backup.shards() == found
    else:
        with pytest.raises(SystemExit, match=found):
            backup.shards()
