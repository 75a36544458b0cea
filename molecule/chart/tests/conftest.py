"""A small chart, and helm and tasks that work on it."""

from __future__ import annotations

import os
import subprocess

import pytest
import yaml

from tests import api_server


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
def on_release(kubeconfig, task_result):
    """Run a task on the release `tiny`: `on_release(module, timeout, *options)` gives its result."""

    def run(module, timeout, *options):
        arguments = {"kubeconfig": str(kubeconfig), "namespace": "default", "name": "tiny", "timeout": timeout}
        return task_result({module: arguments}, *options)

    return run
