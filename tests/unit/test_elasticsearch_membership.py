"""What Elasticsearch and OpenSearch say of their members, from answers like those of their API."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from programs.elasticsearch import membership
from programs.http import HttpError
from programs.protocol import Refusal

MEMBERS = ["elasticsearch-0", "elasticsearch-1", "elasticsearch-2"]
WANTED = {"flavour": "elasticsearch", "url": "https://elasticsearch:9200", "administrators": ["new", "old"], "members": MEMBERS}
MASTER = {"elasticsearch": "master_node", "opensearch": "cluster_manager_node"}
PAIR = {"cert": "CERT", "key": "KEY"}


def copy(node, primary=False, state="STARTED"):
    return {"node": node and f"id{node[-1]}", "primary": primary, "state": state}


def state(*copies, flavour="elasticsearch", members=MEMBERS, voters=MEMBERS, master="id0", index="voicehelper"):
    copies = copies or (copy("elasticsearch-1", primary=True), copy("elasticsearch-2"))
    return {
        MASTER[flavour]: master,
        "nodes": {f"id{pod[-1]}": {"name": pod} for pod in members},
        "metadata": {"cluster_coordination": {"last_committed_config": [f"id{pod[-1]}" for pod in voters]}},
        "routing_table": {"indices": {index: {"shards": {"0": list(copies)}}}},
    }


def judge(*lost, copies=(), wanted=WANTED, **known):
    return membership.judged(state(*copies, **known), {**wanted, "lost": list(lost)}).answer()


def test_a_whole_system_can_lose_any_one_member():
    for pod in MEMBERS:
        assert judge(pod) == {"leaders": MEMBERS[:2], "alone": [], "whole": True, "why": "", "held": [], "losing": []}


def test_two_members_take_the_quorum_and_may_take_both_copies():
    assert judge("elasticsearch-0", "elasticsearch-1")["held"] == [
        "voters: found 1 of 3 copies in step without elasticsearch-0, elasticsearch-1; wanted 2"
    ]
    assert judge("elasticsearch-1", "elasticsearch-2")["held"][1] == (
        "shard 0 of voicehelper: found 0 of 2 copies in step without elasticsearch-1, elasticsearch-2; wanted 1"
    )


@pytest.mark.parametrize("other", [copy("", state="UNASSIGNED"), copy("elasticsearch-2", state="INITIALIZING")])
def test_the_only_copy_in_step_holds_its_member_and_nobody_else(other):
    copies = [copy("elasticsearch-1", primary=True), other]
    found = judge("elasticsearch-1", copies=copies)
    assert found["held"] == ["shard 0 of voicehelper: found 0 of 2 copies in step without elasticsearch-1; wanted 1"]
    assert found["why"].startswith("shard 0 of voicehelper: 1 of 2 copies in step")
    assert judge("elasticsearch-2", copies=copies)["held"] == []


def test_a_copy_that_moves_is_whole_and_yet_on_its_way():
    copies = [copy("elasticsearch-1", primary=True, state="RELOCATING"), copy("elasticsearch-2")]
    found = judge("elasticsearch-2", copies=copies)
    assert (found["held"], found["why"]) == ([], "1 shards are moving")


def test_an_index_without_copies_is_of_one_member_alone():
    found = judge("elasticsearch-1", copies=[copy("elasticsearch-1", primary=True)])
    assert (found["alone"], found["held"], found["whole"]) == (["elasticsearch-1"], [], True)


def test_a_member_that_is_away():
    found = judge("elasticsearch-2", members=MEMBERS[:2], copies=[copy("elasticsearch-1", primary=True)])
    assert found["why"] == "elasticsearch-2 is not in the cluster; voters: 2 of 3 copies in step" and found["held"] == []
    assert judge("elasticsearch-0", members=MEMBERS[:2])["held"]


def test_one_member_for_itself():
    wanted, copies = {**WANTED, "members": MEMBERS[:1]}, [copy("elasticsearch-0", primary=True)]
    found = judge("elasticsearch-0", wanted=wanted, copies=copies, members=MEMBERS[:1], voters=MEMBERS[:1])
    assert (found["whole"], found["alone"], found["held"]) == (True, ["elasticsearch-0"], [])


def test_nobody_is_elected():
    assert judge(master=None)["why"] == "nobody is elected"


@pytest.mark.parametrize(("flavour", "administrators"), [("elasticsearch", ["new", "old"]), ("opensearch", [{**PAIR, "key": "NEW"}, PAIR])])
def test_each_flavour_is_asked_as_its_administrator(monkeypatch, flavour, administrators):
    """With what it had before, where it does not know the new one yet."""
    asked = []

    def request(session, method, url, json=None, timeout=None, params=None):
        asked.append((url, session.auth or Path(session.cert).read_text()))
        answer = requests.Response()
        answer.status_code = 401 if len(asked) < 2 else refuses
        answer._content = dumped
        return answer

    dumped, refuses = json.dumps(state(flavour=flavour)).encode(), 200
    monkeypatch.setattr(requests.Session, "request", request)
    wanted = {**WANTED, "flavour": flavour, "administrators": administrators, "lost": []}
    assert membership.ask(wanted).answer()["whole"]
    logins = {"elasticsearch": [("elastic", "new"), ("elastic", "old")], "opensearch": ["NEWCERT", "KEYCERT"]}[flavour]
    assert asked == [(f"https://elasticsearch:9200/_cluster/state/{MASTER[flavour]},nodes,metadata,routing_table", it) for it in logins]
    refuses = 401
    with pytest.raises(Refusal, match="does not let the administrator in"):
        membership.ask(wanted)
    refuses = 503
    with pytest.raises(HttpError):
        membership.ask(wanted)
