"""What RabbitMQ says of its members, from answers like those of its management API."""

from __future__ import annotations

import pytest

from programs.http import HttpError
from programs.rabbitmq import membership

MEMBERS = ["rabbitmq-0", "rabbitmq-1", "rabbitmq-2"]
WANTED = {"url": "https://rabbitmq:15672", "admin": "admin", "passwords": ["word"], "members": MEMBERS}


def node(pod):
    return f"rabbit@{pod}.rabbitmq-pods.storage.svc"


class Management:
    """The API of a cluster with a quorum queue on all members, led by the second, and one that is a single member's."""

    def __init__(self, away=(), behind=(), leader="rabbitmq-1", classic=False, silent=False, joining=()):
        self.server = self
        self.away, self.late, self.leader, self.classic, self.silent, self.joining = away, behind, leader, classic, silent, joining

    def enter(self, _patience):
        """The password is right."""

    def request(self, _method, *path):
        if path == ("nodes",):
            return [{"name": node(pod), "running": pod not in self.away, "partitions": []} for pod in MEMBERS]
        if self.silent:
            raise HttpError("503", 503)
        assert path == ("queues", "quorum", "voicehelper", "tasks", "status")

        def copy(pod):
            if pod in self.away:
                return {"Node Name": node(pod), "Raft State": "nodedown", "Membership": "", "Last Log Index": ""}
            membership = "promotable" if pod in self.joining else "voter"
            return {"Node Name": node(pod), "Membership": membership, "Last Log Index": 5000 - 4000 * (pod in self.late)}

        return [copy(pod) for pod in MEMBERS]

    def call(self, _method, path, params):
        assert path == "/api/queues" and "members" in params["columns"]
        nodes, durable = [node(pod) for pod in MEMBERS], {"vhost": "voicehelper", "durable": True}
        online = [node(pod) for pod in MEMBERS if pod not in self.away]
        leader = node(self.leader) if self.leader else ""
        quorum = {"name": "tasks", "type": "quorum", "leader": leader, "members": nodes, "online": online, **durable}
        passing = {"name": "reply", "type": "classic", "node": nodes[0], "exclusive": True, **durable}
        own = {"name": "own", "type": "classic", "node": nodes[2], **durable}
        return [quorum, passing, *([own] if self.classic else [])]


@pytest.fixture
def ask(monkeypatch):
    def run(*lost, **state):
        monkeypatch.setattr(membership, "Management", lambda *_: Management(**state))
        return membership.ask({**WANTED, "lost": list(lost)}).answer()

    return run


def test_a_whole_system_can_lose_any_one_member(ask):
    for pod in MEMBERS:
        assert ask(pod) == {"leaders": ["rabbitmq-1"], "alone": [], "whole": True, "why": "", "held": [], "losing": []}


def test_two_members_are_a_majority(ask):
    assert ask("rabbitmq-0", "rabbitmq-1")["held"] == [
        "the cluster, queue tasks: found 1 of 3 copies in step without rabbitmq-0, rabbitmq-1; wanted 2"
    ]


def test_who_is_away_can_go_and_nobody_else(ask):
    found = ask("rabbitmq-2", away=["rabbitmq-2"])
    assert (found["held"], found["why"]) == ([], "the cluster, queue tasks: 2 of 3 copies in step, not rabbitmq-2")
    assert "found 1 of 3 copies in step without rabbitmq-1; wanted 2" in ask("rabbitmq-1", away=["rabbitmq-2"])["held"][0]


@pytest.mark.parametrize("state", [{"behind": ["rabbitmq-2"]}, {"joining": ["rabbitmq-2"]}])
def test_a_copy_that_is_behind_or_does_not_vote_yet_counts_as_away(ask, state):
    found = ask("rabbitmq-0", **state)
    assert found["held"] == ["queue tasks: found 1 of 3 copies in step without rabbitmq-0; wanted 2"]
    assert ask("rabbitmq-2", **state)["held"] == []


def test_a_queue_without_copies_is_of_one_member_alone(ask):
    found = ask("rabbitmq-2", classic=True)
    assert (found["alone"], found["held"], found["whole"]) == (["rabbitmq-2"], [], True)


def test_a_queue_that_nobody_leads(ask):
    assert ask(leader="")["why"] == "queue tasks: nobody leads it"


def test_where_the_copies_are_is_known_though_how_far_they_are_is_not(ask):
    found = ask("rabbitmq-0", silent=True)
    assert (found["held"], found["why"]) == ([], "queue tasks: nobody says how far its copies are")
    assert ask("rabbitmq-0", "rabbitmq-1", silent=True)["held"]
