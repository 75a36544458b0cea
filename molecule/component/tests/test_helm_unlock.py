"""helm_unlock against a real API server and the real helm, killed while a hook keeps it waiting."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from bootstrap.kube.api import KubeApi
from tests import api_server

PROJECT = Path(__file__).parents[3]

HOOK = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "hook", "annotations": {"helm.sh/hook": "pre-install,pre-upgrade"}},
    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.org/main:1"}]}}},
}


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    try:
        yield api_server.up(folder)
    finally:
        api_server.down(folder)


@pytest.fixture
def chart(tmp_path):
    """A chart with a ConfigMap: `chart(hook=False)` writes it, with a hook that never ends or without, and gives its folder."""

    def write(hook):
        (tmp_path / "chart/templates").mkdir(parents=True, exist_ok=True)
        (tmp_path / "chart/Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "tiny", "version": "1.0.0"}))
        own = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tiny"}, "data": {"hook": str(hook)}}
        (tmp_path / "chart/templates/all.yaml").write_text(yaml.safe_dump_all([own, *([HOOK] if hook else [])]))
        return tmp_path / "chart"

    return write


@pytest.fixture
def helm(kubeconfig, tmp_path):
    """Start helm: `helm("upgrade", …)` gives its process."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path)}
    return lambda *words: subprocess.Popen(
        [api_server.program("helm"), *map(str, words)], env=environment, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture
def unlock(kubeconfig, tmp_path):
    """Run the task: `unlock(timeout, *options)` gives its result."""

    def run(timeout, *options):
        task = {"helm_unlock": {"kubeconfig": str(kubeconfig), "namespace": "default", "name": "tiny", "timeout": timeout}}
        playbook = tmp_path / "play.yml"
        playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
        environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.json"}
        command = ["ansible-playbook", "-i", "localhost,", "-c", "local", str(playbook), *options]
        answer = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
        return json.loads(answer.stdout[answer.stdout.index("{") :])["plays"][0]["tasks"][0]["hosts"]["localhost"]

    return run


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


def test_a_release_whose_helm_was_killed_goes_on(helm, chart, unlock, kubeconfig):
    api = KubeApi(kubeconfig)
    own = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tiny", "namespace": "default"}}
    for revision in (1, 2):  # an installation and an upgrade
        kill(helm("upgrade", "--install", "tiny", chart(hook=True)), api)
        refused = helm("upgrade", "--install", "tiny", chart(hook=False))
        assert refused.wait() and "another operation" in refused.stderr.read()
        record = f"sh.helm.release.v1.tiny.v{revision}"
        assert unlock(3600, "--check") == unlock(3600, "--check") | {"changed": False, "removed": []}
        assert unlock(1, "--check")["removed"] == unlock(1)["removed"] == [record]
        assert unlock(1)["removed"] == []
        assert helm("upgrade", "--install", "tiny", chart(hook=False)).wait() == 0
        assert api.get(own)["data"] == {"hook": "False"}


def test_a_helm_at_work_is_given_its_time(helm, chart, unlock, kubeconfig):
    kill(helm("upgrade", "--install", "tiny", chart(hook=True)), KubeApi(kubeconfig))
    began = time.monotonic()
    assert unlock(12)["removed"] and time.monotonic() - began > 5
