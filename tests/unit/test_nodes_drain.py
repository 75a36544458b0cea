"""Pods leave all at once, as their budgets allow, and what a system can do without leaves with the rest of it."""

import pytest

from bootstrap.kube.api import ApiError
from bootstrap.nodes import drain
from bootstrap.nodes.drain import Drain

BUDGET = "Cannot evict pod as it would violate the pod's disruption budget."


class Api:
    """An API server with one node's pods. Of each group of members one may be evicted; a pod that was asked to go is gone a round later."""

    def __init__(self, *names, groups=(), held=(), stuck=()):
        self.names, self.groups, self.held, self.stuck = list(names), groups, held, stuck
        self.ending, self.asked = set(), []

    def request(self, method, path, query=None, body=None):
        if method == "GET":
            assert query == {"fieldSelector": "spec.nodeName=w-1"}
            pods = [self._pod(name) for name in self.names]
            self.names = [name for name in self.names if name not in self.ending - set(self.stuck)]
            return {"items": pods}
        self.asked.append((method, *path.split("/pods/")[1].split("/"), *(query or {}).values()))
        name = self.asked[-1][1]
        if method == "POST":
            assert body["kind"] == "Eviction" and body["metadata"] == {"name": name, "namespace": "space"}
            gone = self.ending | ({member for group in self.groups for member in group} - set(self.names))
            if name in self.held or any(name in group and set(group) & gone for group in self.groups):
                raise ApiError(429, BUDGET)
        self.ending.add(name)
        return {}

    def _pod(self, name):
        meta = {"name": name, "namespace": "space", "ownerReferences": [{"kind": "StatefulSet", "name": "x"}]}
        return {"metadata": meta | ({"deletionTimestamp": "now"} if name in self.ending else {}), "status": {"phase": "Running"}}


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(drain, "_PAUSE", 0)


def run(api, groups=(), dead=False, timeout=5.0):
    """A drain, as (whether it moved any, what held it)."""
    found = Drain(api, api, "w-1", groups, dead)
    return found.run(timeout, print), found.held


def test_all_are_asked_at_once_and_an_empty_node_is_left_as_it_is():
    api = Api("a-0", "b-0")
    assert run(api) == (True, {})
    assert api.asked == [("POST", "a-0", "eviction"), ("POST", "b-0", "eviction")]
    assert run(Api()) == (False, {})


def test_one_that_a_budget_holds_keeps_no_other_and_is_named():
    api = Api("a-0", "b-0", held=["a-0"])
    assert run(api, timeout=0.05) == (True, {"space/a-0": BUDGET})
    assert api.names == ["a-0"]


def test_a_second_member_goes_when_the_first_has_though_its_budget_is_used_up():
    api = Api("a-0", "a-5", "a-7", groups=[["a-0", "a-5", "a-7"]])
    assert run(api, groups=[["a-0", "a-5", "a-7"]]) == (True, {})
    assert [name for method, name, *_ in api.asked if method == "DELETE"] == ["a-5", "a-7"]


def test_a_budget_that_somebody_else_has_used_up_holds_all_members():
    api = Api("a-0", "a-5", held=["a-0", "a-5"])
    assert run(api, groups=[["a-0", "a-5"]], timeout=0.05)[1] == {"space/a-0": BUDGET, "space/a-5": BUDGET}
    assert {method for method, *_ in api.asked} == {"POST"}


def test_an_api_server_that_is_away_for_a_moment_is_asked_again():
    class Moving(Api):
        away = 2

        def request(self, method, path, query=None, body=None):
            if method == "POST" and self.away:
                self.away -= 1
                raise ApiError(0, "connection refused")
            return super().request(method, path, query, body)

    assert run(Moving("a-0", "b-0")) == (True, {})


def test_one_that_does_not_end_is_named():
    assert run(Api("a-0", stuck=["a-0"]), timeout=0.05)[1] == {"space/a-0": "it has not ended yet"}


def test_pods_of_a_machine_that_is_gone_are_given_up():
    api = Api("a-0", "b-0", held=["a-0"])
    assert run(api, dead=True) == (True, {})
    assert ("DELETE", "a-0", 0) in api.asked and {method for method, *_ in api.asked} == {"DELETE"}
