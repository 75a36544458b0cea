"""The lock of a run: one holder, who lives, and what becomes of a dead one's."""

from __future__ import annotations

import copy

import pytest

from bootstrap.kube import run_lock
from bootstrap.kube.api import ApiError


class Api:
    """Stands for an API server with one Lease; as the real one it refuses what was written over another version."""

    def __init__(self):
        self.item, self.version, self.before_write = None, 0, lambda: None

    def get(self, reference):
        return copy.deepcopy(self.item)

    def path(self, reference, collection=False):
        return "leases" if collection else "leases/voicehelper-run"

    def request(self, method, path, body):
        self.before_write()
        if method == "DELETE":
            assert body["preconditions"]["resourceVersion"] == self.item["metadata"]["resourceVersion"]
            self.item = None
            return
        wanted = body["metadata"].get("resourceVersion")
        if (method == "POST") is bool(self.item) or (self.item and wanted != self.item["metadata"]["resourceVersion"]):
            raise ApiError(409, "conflict")
        self.version += 1
        self.item = copy.deepcopy(body)
        self.item["metadata"]["resourceVersion"] = str(self.version)


@pytest.fixture
def api(monkeypatch):
    """An API server in whose time a second passes at each wait; `each_second` runs then."""
    api, clock = Api(), [0]
    api.each_second = lambda: None

    def sleep(seconds):
        clock[0] += seconds
        api.each_second()

    monkeypatch.setattr(run_lock.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(run_lock.time, "sleep", sleep)
    api.clock = clock
    return api


def holder(api):
    return api.item["spec"]["holderIdentity"] if api.item else None


def test_a_free_lock_is_taken_and_given_back(api):
    assert run_lock.acquire(api, "anna@one:1") is True
    assert holder(api) == "anna@one:1"
    assert run_lock.acquire(api, "anna@one:1") is False  # a later playbook of the same run
    run_lock.release(api, "anna@one:1")
    assert holder(api) is None


def test_a_run_that_lives_is_not_disturbed(api):
    run_lock.acquire(api, "anna@one:1 site.yml")
    api.each_second = lambda: api.clock[0] % run_lock.RENEW_SECONDS or run_lock.renew(api, "anna@one:1 site.yml")
    with pytest.raises(run_lock.Held, match=r"anna@one:1 site\.yml, since 2"):
        run_lock.acquire(api, "bert@two:2")
    assert holder(api) == "anna@one:1 site.yml"
    assert api.clock[0] <= 2 * run_lock.RENEW_SECONDS, "known at the first sign of life"


def test_a_dead_run_s_lock_is_taken_over_and_it_cannot_come_back(api):
    run_lock.acquire(api, "anna@one:1")
    assert run_lock.acquire(api, "bert@two:2") is True
    assert api.clock[0] > run_lock.LEASE_SECONDS
    assert run_lock.renew(api, "anna@one:1") is False
    run_lock.release(api, "anna@one:1")
    assert holder(api) == "bert@two:2"


def test_of_two_at_the_same_moment_one_gets_it(api):
    def quicker():
        api.before_write = lambda: None
        run_lock.acquire(api, "anna@one:1")

    api.before_write = quicker
    api.each_second = lambda: run_lock.renew(api, "anna@one:1")
    with pytest.raises(run_lock.Held, match="anna@one:1"):
        run_lock.acquire(api, "bert@two:2")
    assert holder(api) == "anna@one:1"


def test_another_fault_of_the_api_is_told(api):
    def refuse():
        raise ApiError(403, "forbidden")

    api.before_write = refuse
    with pytest.raises(ApiError, match="forbidden"):
        run_lock.acquire(api, "anna@one:1")


def test_the_time_of_a_renewed_lock_is_that_of_its_beginning(api):
    run_lock.acquire(api, "anna@one:1")
    began = api.item["spec"]["acquireTime"]
    assert run_lock.renew(api, "anna@one:1") is True
    assert api.item["spec"]["acquireTime"] == began
    assert api.item["spec"]["renewTime"] >= began


@pytest.mark.parametrize("seconds", range(1, 12))
def test_a_run_that_has_ended_gives_no_sign_of_life(api, monkeypatch, seconds):
    """Whoever came next would be told that it is at work."""
    ended = []
    monkeypatch.setattr(run_lock, "KubeApi", lambda *_, **__: api)
    monkeypatch.setattr(run_lock, "_lives", lambda _: api.clock[0] < seconds)
    run_lock.acquire(api, "anna@one:1")

    def before_write():
        if api.clock[0] >= seconds:
            ended.append(api.version)

    api.before_write = before_write
    run_lock.keep("", "anna@one:1", 1)
    assert holder(api) is None and len(ended) == 1  # the lock given back, and nothing else
