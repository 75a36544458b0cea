"""Declared streams and consumers of NATS: what is asked of JetStream in which state."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace

import pytest

from programs.nats import objects as program
from programs.protocol import Actions, Refusal

STREAMS = [
    {
        "name": "EVENTS",
        "config": {"subjects": ["events.>"], "max_age": 60},
        "consumers": [{"name": "audit", "config": {"ack_wait": 30, "backoff": [1, 5]}}],
    }
]


class JetStream:
    """As much of JetStream's API as the program uses; it keeps what it is told and adds defaults of its own."""

    def __init__(self):
        self.kept = {}

    async def request(self, subject, data, timeout):
        kind, verb, path = subject.removeprefix("$JS.API.").split(".", 2)
        body = json.loads(data)
        if verb in ("CREATE", "UPDATE"):
            self.kept[kind, path] = {"storage": "file", **body.get("config", body)}
        if config := self.kept.get((kind, path)):
            return SimpleNamespace(data=json.dumps({"config": config}))
        return SimpleNamespace(data=json.dumps({"error": {"err_code": 10059 if kind == "STREAM" else 10014, "description": "not found"}}))


@pytest.fixture
def converge():
    jetstream = JetStream()

    def run(streams=STREAMS, check=False):
        actions = Actions(check)
        asyncio.run(program.streams(jetstream, {"streams": streams, "replicas": 3}, actions, time.monotonic()))
        return actions.names

    run.kept = jetstream.kept
    return run


def test_what_is_missing_is_made_once(converge):
    assert converge() == ["CREATE STREAM EVENTS", "CREATE CONSUMER EVENTS.audit"]
    assert converge() == []


def test_durations_are_declared_in_seconds(converge):
    converge()
    assert converge.kept["STREAM", "EVENTS"]["max_age"] == 60 * 10**9
    assert converge.kept["CONSUMER", "EVENTS.audit"]["backoff"] == [10**9, 5 * 10**9]


def test_a_check_names_all_and_makes_nothing(converge):
    assert converge(check=True) == ["CREATE STREAM EVENTS", "CREATE CONSUMER EVENTS.audit"]
    assert not converge.kept


def test_what_differs_is_named_and_the_rest_kept(converge):
    converge()
    changed = [{"name": "EVENTS", "config": {"subjects": ["events.>"], "max_age": 90, "max_bytes": 10}}]
    assert converge(changed) == ["UPDATE STREAM EVENTS max_age, max_bytes"]
    assert converge.kept["STREAM", "EVENTS"]["storage"] == "file"
    assert ("CONSUMER", "EVENTS.audit") in converge.kept


def test_copies_are_as_many_as_members_but_no_more_than_three(converge):
    converge()
    assert converge.kept["STREAM", "EVENTS"]["num_replicas"] == 3


def test_what_the_server_adds_is_no_difference():
    assert program.differing({"metadata": {"team": "voice"}}, {"metadata": {"team": "voice", "_nats.level": "1"}}) == []
    assert program.differing({"metadata": {"team": "voice"}, "description": ""}, {"metadata": {}}) == ["metadata"]


def test_a_refusal_is_told():
    async def refuse(subject, data, timeout):
        return SimpleNamespace(
            data=b'{"error": {"err_code": 10052, "description": "stream configuration update can not change retention"}}'
        )

    with pytest.raises(Refusal, match=r"STREAM\.UPDATE\.X: stream configuration update can not change retention"):
        asyncio.run(program.ask(SimpleNamespace(request=refuse), "STREAM.UPDATE.X", {}, time.monotonic()))
