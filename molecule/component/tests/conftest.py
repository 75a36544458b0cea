"""An API server of its own, and bundles applied to it."""

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
FIXED = {"domain": "test.example.org", "labels": {"bundle": "test"}}


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
def bundle(kubeconfig, tmp_path):
    """Apply documents: `bundle(*documents, options=[], **arguments)` gives the result of the task."""

    def apply(*documents, options=(), **arguments):
        template, playbook = tmp_path / "bundle.yml.j2", tmp_path / "play.yml"
        template.write_text(documents[0] if isinstance(documents[0], str) else yaml.safe_dump_all(documents))
        task = {"name": "test", "template": str(template), "kubeconfig": str(kubeconfig), **FIXED, **arguments}
        play = {"hosts": "localhost", "gather_facts": False, "vars": {"platform_name": "voicehelper"}, "tasks": [{"k8s_bundle": task}]}
        playbook.write_text(yaml.safe_dump([play]))
        environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.json"}
        command = ["ansible-playbook", "-i", "localhost,", "-c", "local", str(playbook), *options]
        answer = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
        assert answer.stdout, answer.stderr
        return json.loads(answer.stdout[answer.stdout.index("{") :])["plays"][0]["tasks"][0]["hosts"]["localhost"]

    return apply
