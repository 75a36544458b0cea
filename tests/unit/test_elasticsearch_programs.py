"""Rules of Elasticsearch's programs: what counts as declared, and when a generation of logs is due."""

import pytest
import requests

from programs import http, waiting
from programs.elasticsearch import lifecycle, objects
from programs.http import HttpError
from programs.protocol import Absent, Actions


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
def test_found_holds_what_is_wanted(found, wanted, same):
    assert objects.holds(found, wanted) is same


def test_settings_of_an_index_are_compared_by_their_whole_names():
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
def test_a_user_whose_password_is_not_in_force_gets_it_unless_it_is_disabled(monkeypatch, found, done):
    server, told = object.__new__(objects.Elasticsearch), []
    role = {"cluster": [], "indices": []}
    monkeypatch.setattr(server, "get", lambda path: {"app": role if "/role/" in path else found})
    monkeypatch.setattr(server, "put", lambda path, body, what: told.append(what))
    monkeypatch.setattr(server, "admits", lambda name, password: False)
    monkeypatch.setattr(server, "privileges", lambda kind, wanted: [])
    server.user({"name": "app", "password": "word"})
    assert told == done


@pytest.mark.parametrize(("text", "seconds"), [("0ms", 0), ("30s", 30), ("2h", 7200), ("14d", 1209600)])
def test_spans_of_time(text, seconds):
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


def test_a_generation_is_deleted_by_the_time_since_its_end(monkeypatch):
    now = 1_800_000_000
    monkeypatch.setattr(lifecycle.time, "time", lambda: now)
    server = Streams(now, days=[40, 20, 10, 1])
    lifecycle.follow(server, server.stream, {"delete": {"min_age": "14d"}})
    assert server.deleted() == [".ds-logs-0"]  # the second ended ten days ago


def test_the_newest_generation_stays(monkeypatch):
    now = 1_800_000_000
    monkeypatch.setattr(lifecycle.time, "time", lambda: now)
    server = Streams(now, days=[400])
    lifecycle.follow(server, server.stream, {"delete": {"min_age": "14d"}})
    assert server.deleted() == []


def test_conditions_are_those_that_the_server_knows():
    server = Streams(1_800_000_000, days=[1])
    phases = {"hot": {"actions": {"rollover": {"max_age": "1d", "max_primary_shard_size": "10gb"}}}}
    lifecycle.follow(server, server.stream, phases)
    assert ("POST", "/logs/_rollover", {"conditions": {"max_age": "1d", "max_size": "10gb"}}) in server.asked


@pytest.fixture
def server(tmp_path):
    """``server(wanted, check)``: OpenSearch as its administrator, and what is done to it."""

    def make(check=False, **wanted):
        pair = {"administrator": {"key": "KEY\n", "cert": "CERT\n"}, "url": "https://elasticsearch:9200"}
        return objects.OpenSearch(pair | wanted, Actions(check), str(tmp_path))

    return make


def test_the_administrator_of_opensearch_comes_with_a_certificate(server, tmp_path):
    made = server()
    assert made.server.session.cert == str(tmp_path / "administrator.pem")
    assert (tmp_path / "administrator.pem").read_text() == "KEY\nCERT\n"


def test_a_server_without_a_master_is_waited_for_and_then_absent(server, monkeypatch):
    made, answers = server(), iter([requests.ConnectionError("refused"), HttpError("503 no master", 503), {"status": "red"}])

    def call(method, path, timeout):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(waiting.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(made.server, "call", call)
    made.serves(60)
    answers = iter([HttpError("503 no master", 503)])
    with pytest.raises(Absent, match="does not serve: 503 no master"):
        made.serves(-1)


@pytest.mark.parametrize("check", [False, True])
def test_what_differs_is_put_unless_this_is_a_check(server, monkeypatch, check):
    put = []
    made = server(check, settings={"a.b": 2}, lifecycles={}, templates={}, indices={"docs": {}}, repository={"type": "s3"}, users=[])
    there = {"/_cluster/settings": {"persistent": {"a.b": "1"}}, "/_snapshot/backup": {"backup": {"type": "s3", "uuid": "x"}}}
    monkeypatch.setattr(made.server, "find", lambda path, **_: there.get(path))
    monkeypatch.setattr(made.server, "call", lambda method, path, body: put.append((method, path, body)))
    objects.Server.converge(made)
    assert made.actions.names == ["SET a.b", "INDEX docs"]
    assert put == ([] if check else [("PUT", "/_cluster/settings", {"persistent": {"a.b": 2}}), ("PUT", "/docs", {})])


@pytest.mark.parametrize(("status", "admitted"), [(200, True), (401, False)])
def test_a_password_is_tried_as_the_user(server, monkeypatch, status, admitted):
    asked = []

    def call(self, method, path):
        asked.append((self.session.auth, path))
        if status != 200:
            raise HttpError("no", status)
        return {"user_name": "app"}

    monkeypatch.setattr(http.Server, "call", call)
    assert server().admits("app", "word") is admitted
    assert asked == [(("app", "word"), "/_plugins/_security/authinfo")]


def test_a_span_of_another_form_is_refused():
    with pytest.raises(ValueError, match="found '2 weeks' as a span of time"):
        lifecycle.seconds("2 weeks")
