"""Members that are stopped together: what is asked of the API server, and when that is over."""

from __future__ import annotations

import importlib.util

import pytest
from ansible.module_utils.kube_api import ApiError

META = {"name": "minio", "namespace": "space"}


@pytest.fixture
def action(project, monkeypatch):
    specification = importlib.util.spec_from_file_location("statefulset_stop_action", project / "plugins/action/statefulset_stop.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    clock = iter(range(10**6))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    return module


class Api:
    """Stands for an API server: once patched, the pods of the StatefulSet go one at a time, if they do."""

    def __init__(self, pods, stuck=False):
        self.replicas, self.pods, self.stuck, self.patches = pods, pods, stuck, []

    def path(self, reference):
        return reference["metadata"]["name"]

    def get(self, reference):
        if self.pods is None:
            return None
        found = {"spec": {"replicas": self.replicas}, "status": {"replicas": self.pods}}
        if self.patches and not self.stuck:
            self.pods = max(self.pods - 1, 0)
        return found

    def request(self, method, path, body, content_type):
        self.patches.append((method, path, body))
        self.replicas = 0


def test_all_members_are_stopped_and_awaited(action):
    api = Api(4)
    assert action.stop(api, META, 60, check=False) == 4
    assert api.patches == [("PATCH", "minio", {"spec": {"replicas": 0}})]
    assert api.pods == 0


@pytest.mark.parametrize("pods", [None, 0])
def test_there_is_nothing_to_stop(action, pods):
    api = Api(pods)
    assert action.stop(api, META, 60, check=False) == 0
    assert api.patches == []


def test_check_mode_stops_nothing(action):
    api = Api(4)
    assert action.stop(api, META, 60, check=True) == 4
    assert api.patches == []


def test_a_pod_that_does_not_end_is_an_error(action):
    with pytest.raises(ApiError, match="found 4 of 4 members left after 10 s"):
        action.stop(Api(4, stuck=True), META, 10, check=False)
