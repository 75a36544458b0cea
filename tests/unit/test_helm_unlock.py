"""Which records of a release are removed, and how long a helm that is at work is waited for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from plugins.action import helm_unlock as action


class Api:
    """Stands for an API server with one record of a helm that began so many seconds ago and may end by itself."""

    def __init__(self, age=None, ends=False):
        self.began, self.ends, self.deleted = age, ends, []

    def path(self, reference, collection):
        assert collection and reference["metadata"] == {"namespace": "kube-system"}
        return "secrets"

    def request(self, method, path, query):
        assert (method, path) == ("GET", "secrets")
        assert query == {"labelSelector": "owner=helm,name=cilium,status in (pending-install,pending-upgrade,pending-rollback)"}
        if self.began is None or self.deleted:
            return {"items": []}
        made = (datetime.now(UTC) - timedelta(seconds=self.began)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"items": [{"metadata": {"name": "sh.helm.release.v1.cilium.v2", "creationTimestamp": made}}]}

    def delete(self, reference, query):
        self.deleted.append(reference["metadata"]["name"])

    def wait(self, seconds):
        self.began = None if self.ends else self.began + seconds


def unlock(monkeypatch, api, check=False):
    monkeypatch.setattr(action.time, "sleep", api.wait)
    return action.unlock(api, "kube-system", "cilium", 120, check)


@pytest.mark.parametrize("age", [10, 500])
def test_the_record_of_a_killed_helm_is_removed_when_its_time_is_over(monkeypatch, age):
    api = Api(age)
    assert unlock(monkeypatch, api) == api.deleted == ["sh.helm.release.v1.cilium.v2"]


def test_a_helm_that_ends_is_let_be(monkeypatch):
    api = Api(10, ends=True)
    assert unlock(monkeypatch, api) == api.deleted == []


def test_a_release_that_nobody_works_on_is_let_be(monkeypatch):
    assert unlock(monkeypatch, Api()) == []


@pytest.mark.parametrize(("age", "told"), [(10, []), (500, ["sh.helm.release.v1.cilium.v2"])])
def test_check_mode_neither_waits_nor_removes(monkeypatch, age, told):
    api = Api(age)
    assert unlock(monkeypatch, api, check=True) == told
    assert api.deleted == [] and api.began == age
