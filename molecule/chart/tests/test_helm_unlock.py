"""helm_unlock against a real API server and the real helm, killed while a hook keeps it waiting."""

from __future__ import annotations

import signal
import time

HOOK = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "hook", "annotations": {"helm.sh/hook": "pre-install,pre-upgrade"}},
    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.org/main:1"}]}}},
}
FREE = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tiny"}, "data": {"hook": "False"}}
BOUND = {**FREE, "data": {"hook": "True"}}


def kill(process, api):
    """Kill helm once its hook is there."""
    hook = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "hook", "namespace": "default"}}
    deadline = time.monotonic() + 60
    while not api.get(hook):
        assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    api.delete(hook, {"propagationPolicy": "Background"})


def test_a_release_whose_helm_was_killed_goes_on(helm, chart, on_release, api):
    own = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tiny", "namespace": "default"}}
    for revision in (1, 2):  # an installation and an upgrade
        kill(helm("upgrade", "--install", "tiny", chart(BOUND, HOOK)), api)
        refused = helm("upgrade", "--install", "tiny", chart(FREE))
        assert refused.wait() and "another operation" in refused.stderr.read()
        record = f"sh.helm.release.v1.tiny.v{revision}"
        assert on_release("helm_unlock", 3600, "--check") == on_release("helm_unlock", 3600, "--check") | {"changed": False, "removed": []}
        assert on_release("helm_unlock", 1, "--check")["removed"] == on_release("helm_unlock", 1)["removed"] == [record]
        assert on_release("helm_unlock", 1)["removed"] == []
        assert helm("upgrade", "--install", "tiny", chart(FREE)).wait() == 0
        assert api.get(own)["data"] == {"hook": "False"}


def test_a_helm_at_work_is_given_its_time(helm, chart, on_release, api):
    kill(helm("upgrade", "--install", "tiny", chart(BOUND, HOOK)), api)
    began = time.monotonic()
    assert on_release("helm_unlock", 12)["removed"] and time.monotonic() - began > 5
