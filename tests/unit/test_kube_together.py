"""Members that are stopped together: what is asked of the API server, and when that is over."""

from __future__ import annotations

import pytest

from bootstrap.kube import together as kube_together
from bootstrap.kube.api import ApiError


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    ticks = iter(range(10**6))
    monkeypatch.setattr(kube_together.time, "monotonic", lambda: next(ticks))
    monkeypatch.setattr(kube_together.time, "sleep", lambda seconds: None)


def stateful_set(together):
    annotations = {"example.org/together": together} if together else {}
    return {"kind": "StatefulSet", "metadata": {"name": "minio", "namespace": "space", "annotations": annotations}}


class Api:
    """Stands for an API server: once patched, the pods of the StatefulSet go one at a time, if they do."""

    def __init__(self, pods, together="old", stuck=False):
        self.replicas, self.pods, self.together, self.stuck, self.patches = pods, pods, together, stuck, []

    def path(self, reference):
        return reference["metadata"]["name"]

    def get(self, reference):
        if self.pods is None:
            return None
        found = {**stateful_set(self.together), "spec": {"replicas": self.replicas}, "status": {"replicas": self.pods}}
        if self.patches and not self.stuck:
            self.pods = max(self.pods - 1, 0)
        return found

    def request(self, method, path, body, content_type):
        self.patches.append((method, path, body))
        self.replicas = 0


def stop(api, together="new"):
    kube_together.stop_changed(api, [{"kind": "Service", "metadata": {"name": "minio"}}, stateful_set(together)], "example.org", 10)


def test_all_members_are_stopped_and_awaited():
    api = Api(4)
    stop(api)
    assert api.patches == [("PATCH", "minio", {"spec": {"replicas": 0}})]
    assert api.pods == 0


@pytest.mark.parametrize("pods", [None, 0])
def test_there_is_nothing_to_stop(pods):
    api = Api(pods)
    stop(api)
    assert api.patches == []


@pytest.mark.parametrize(("live", "wanted"), [("old", "old"), ("old", None), (None, "new")])
def test_members_that_speak_to_changed_ones_go_on(live, wanted):
    api = Api(4, together=live)
    stop(api, wanted)
    assert api.patches == []


def test_a_pod_that_does_not_end_is_an_error():
    with pytest.raises(ApiError, match="StatefulSet space/minio: found 4 of 4 members left after 10 s"):
        stop(Api(4, stuck=True))
