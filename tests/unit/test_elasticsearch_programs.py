"""Rules of Elasticsearch's programs: what counts as declared, and when a generation of logs is due."""

import importlib.util

import pytest


def load(project, path):
    spec = importlib.util.spec_from_file_location("program", project / "roles/elasticsearch" / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def objects(project):
    return load(project, "files/objects.py")


@pytest.fixture
def lifecycle(project):
    return load(project, "templates/lifecycle.py")


@pytest.mark.parametrize(
    ("found", "wanted", "same"),
    [
        ({"a": 1, "more": 2}, {"a": 1}, True),
        ({"a": {"b": "1"}}, {"a": {"b": 1}}, True),
        ({"a": "true"}, {"a": True}, True),
        ({}, {"a": 1}, False),
        (None, {"a": 1}, False),
        ({"a": ["y", "x"]}, {"a": ["x", "y"]}, True),
        ({"a": ["x", "y", "z"]}, {"a": ["x", "y"]}, False),
        ({"a": [{"b": 1, "default": 0}]}, {"a": [{"b": 1}]}, True),
        ({"a": [{"b": 2}]}, {"a": [{"b": 1}]}, False),
    ],
)
def test_found_holds_what_is_wanted(objects, found, wanted, same):
    assert objects.holds(found, wanted) is same


def test_settings_of_an_index_are_compared_by_their_whole_names(objects):
    written = {"number_of_shards": 1, "lifecycle.name": "logs", "auto_expand_replicas": "0-1"}
    answered = {"index": {"number_of_shards": "1", "lifecycle": {"name": "logs"}, "auto_expand_replicas": "0-1"}}
    assert objects.flat(written) == objects.flat(answered)


@pytest.mark.parametrize(
    ("found", "done"),
    [
        (None, ["USER app"]),
        ({"roles": ["app"], "enabled": True}, ["USER app"]),
        ({"roles": ["app"], "enabled": False}, []),  # by an operator
    ],
)
def test_a_user_whose_password_is_not_in_force_gets_it_unless_it_is_disabled(objects, monkeypatch, found, done):
    server, told = object.__new__(objects.Elasticsearch), []
    role = {"cluster": [], "indices": []}
    monkeypatch.setattr(server, "get", lambda path: {"app": role if "/role/" in path else found})
    monkeypatch.setattr(server, "put", lambda path, body, what: told.append(what))
    monkeypatch.setattr(server, "admits", lambda name, password: False)
    monkeypatch.setattr(server, "privileges", lambda kind, wanted: [])
    server.user({"name": "app", "password": "word"})
    assert told == done


@pytest.mark.parametrize(("text", "seconds"), [("0ms", 0), ("30s", 30), ("2h", 7200), ("14d", 1209600)])
def test_spans_of_time(lifecycle, text, seconds):
    assert lifecycle.seconds(text) == seconds


class Streams:
    """A server that holds one data stream: of its generations, how long ago each began."""

    def __init__(self, now, days):
        self.created = {
            f".ds-logs-{n}": {"settings": {"index.creation_date": str(int((now - age * 86400) * 1000))}} for n, age in enumerate(days)
        }
        self.stream = {"name": "logs", "indices": [{"index_name": name} for name in self.created]}
        self.asked = []

    def call(self, method, path, body=None):
        self.asked.append((method, path, body))
        if path.endswith("/_count"):
            return {"count": 5}
        return {"rolled_over": False} if path.endswith("/_rollover") else self.created

    def deleted(self):
        return [path.removeprefix("/") for method, path, _ in self.asked if method == "DELETE"]


def test_a_generation_is_deleted_by_the_time_since_its_end(lifecycle, monkeypatch):
    now = 1_800_000_000
    monkeypatch.setattr(lifecycle.time, "time", lambda: now)
    server = Streams(now, days=[40, 20, 10, 1])
    lifecycle.follow(server, server.stream, {"delete": {"min_age": "14d"}})
    assert server.deleted() == [".ds-logs-0"]  # the second ended ten days ago


def test_the_newest_generation_stays(lifecycle, monkeypatch):
    now = 1_800_000_000
    monkeypatch.setattr(lifecycle.time, "time", lambda: now)
    server = Streams(now, days=[400])
    lifecycle.follow(server, server.stream, {"delete": {"min_age": "14d"}})
    assert server.deleted() == []


def test_conditions_are_those_that_the_server_knows(lifecycle):
    server = Streams(1_800_000_000, days=[1])
    phases = {"hot": {"actions": {"rollover": {"max_age": "1d", "max_primary_shard_size": "10gb"}}}}
    lifecycle.follow(server, server.stream, phases)
    assert ("POST", "/logs/_rollover", {"conditions": {"max_age": "1d", "max_size": "10gb"}}) in server.asked
