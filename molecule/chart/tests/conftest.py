"""An API server of its own, a small chart, and helm and tasks that work on them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from bootstrap.kube.api import KubeApi
from tests import api_server

PROJECT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    try:
        yield api_server.up(folder)
    finally:
        api_server.down(folder)


@pytest.fixture(scope="module")
def api(kubeconfig):
    return KubeApi(kubeconfig)


@pytest.fixture
def chart(tmp_path):
    """A chart: `chart(*objects)` writes it with these and gives its folder."""

    def write(*objects):
        (tmp_path / "chart/templates").mkdir(parents=True, exist_ok=True)
        (tmp_path / "chart/Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "tiny", "version": "1.0.0"}))
        (tmp_path / "chart/templates/all.yaml").write_text(yaml.safe_dump_all(objects))
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
def on_release(kubeconfig, tmp_path):
    """Run a task on the release `tiny`: `on_release(module, timeout, *options)` gives its result."""

    def run(module, timeout, *options):
        task = {module: {"kubeconfig": str(kubeconfig), "namespace": "default", "name": "tiny", "timeout": timeout}}
        playbook = tmp_path / "play.yml"
        playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
        environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.json"}
        command = ["ansible-playbook", "-i", "localhost,", "-c", "local", str(playbook), *options]
        answer = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
        return json.loads(answer.stdout[answer.stdout.index("{") :])["plays"][0]["tasks"][0]["hosts"]["localhost"]

    return run
