"""What NATS says of its members, from answers like those of its servers."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest

from programs.nats import objects
from programs.nats.membership import judged

MEMBERS = ["nats-0", "nats-1", "nats-2"]


def group(leader, pod, behind=()):
    """A group as a member of it tells of it: only its leader knows how far the others are."""
    others = [member for member in MEMBERS if member != pod]
    return {"leader": leader, "replicas": [{"name": other, "current": leader == pod and other not in behind} for other in others]}


def answer(pod, leader="nats-0", behind=(), alone="", meta="nats-2"):
    """What one server says of itself, of the stream EVENTS with its consumer, and of one that nobody else has."""
    consumers = [
        {"name": "audit", "config": {"durable_name": "audit"}, "cluster": group(leader, pod, behind)},
        {"name": "passing", "config": {}, "cluster": {"leader": "nats-1"}},
    ]
    streams = [
        {"name": "EVENTS", "config": {"num_replicas": 3}, "cluster": group(leader, pod, behind), "consumer_detail": consumers},
        *([{"name": "SCRATCH", "config": {"num_replicas": 1}, "cluster": {"leader": pod}}] if alone == pod else []),
    ]
    said = {"leader": meta, "cluster_size": 3, **({"replicas": group(meta, pod)["replicas"]} if pod == meta else {})}
    return {"server": {"name": pod}, "data": {"meta_cluster": said, "account_details": [{"name": "APP", "stream_detail": streams}]}}


def judge(lost=(), members=MEMBERS, **state):
    return judged([answer(pod, **state) for pod in members], MEMBERS, list(lost)).answer()


def test_a_whole_system_can_lose_any_one_member():
    found = [judge([pod]) for pod in MEMBERS]
    assert all(each["whole"] and not each["held"] and not each["alone"] for each in found)
    assert found[0]["leaders"] == ["nats-0", "nats-2"]


def test_two_members_are_a_majority():
    assert judge(["nats-0", "nats-1"])["held"] == [
        "JetStream, consumer audit of stream EVENTS, stream EVENTS: found 1 of 3 copies in step without nats-0, nats-1; wanted 2"
    ]


def test_who_is_behind_can_go_and_nobody_else():
    found = judge(["nats-1"], behind=["nats-1"])
    assert (found["whole"], found["held"]) == (False, [])
    assert found["why"] == "consumer audit of stream EVENTS, stream EVENTS: 2 of 3 copies in step, not nats-1"
    assert judge(["nats-2"], behind=["nats-1"])["held"] == [
        "consumer audit of stream EVENTS, stream EVENTS: found 1 of 3 copies in step without nats-2; wanted 2"
    ]


def test_a_stream_without_copies_is_of_one_member_alone():
    found = judge(["nats-1"], alone="nats-1")
    assert (found["alone"], found["held"], found["whole"]) == (["nats-1"], [], True)


def test_a_group_that_nobody_leads_holds_its_members():
    found = judge(["nats-0"], leader="")
    assert "stream EVENTS: nobody leads it" in found["why"] and "without nats-0; wanted 3" in found["held"][0]


def test_a_server_that_is_away_is_missed():
    found = judge(members=["nats-0", "nats-2"], behind=["nats-1"])
    assert not found["whole"] and "nats-1 does not answer" in found["why"]


def test_one_server_for_itself():
    alone = {"server": {"name": "nats-0"}, "data": {"account_details": [{"stream_detail": [{"name": "E", "config": {"num_replicas": 1}}]}]}}
    found = judged([alone], ["nats-0"], ["nats-0"]).answer()
    assert (found["whole"], found["alone"], found["leaders"]) == (True, ["nats-0"], [])


class Link:
    """A connection over which some servers answer."""

    def __init__(self, *names):
        self.left = [json.dumps({"server": {"name": name}, "data": {}}) for name in names]

    def new_inbox(self):
        return "inbox"

    async def subscribe(self, _inbox):
        return self

    async def unsubscribe(self):
        """Nothing more comes."""

    async def publish(self, subject, payload, reply):
        self.asked = (subject, json.loads(payload), reply)

    async def next_msg(self, timeout):
        if not self.left:
            raise TimeoutError
        return SimpleNamespace(data=self.left.pop(0))


@pytest.mark.parametrize("count", [1, 3])
def test_servers_are_heard_until_all_have_answered_or_none_does(count):
    link = Link("nats-0", "nats-1")
    found = asyncio.run(objects.everyone(link, "JSZ", {"streams": True}, count, 0.1))
    assert [each["server"]["name"] for each in found] == ["nats-0", "nats-1"][:count]
    assert link.asked == ("$SYS.REQ.SERVER.PING.JSZ", {"streams": True}, "inbox")
