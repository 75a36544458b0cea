"""What a tier does when there is no cluster, or none that answers."""

import http.server
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import https

ROOT = Path(__file__).parents[2]
PLAYBOOK = f"""
- hosts: localhost
  gather_facts: false
  pre_tasks:
    - ansible.builtin.import_tasks: {ROOT}/playbooks/tasks/require_cluster.yml
  tasks:
    - ansible.builtin.debug: {{msg: the tier was judged}}
"""
KUBECONFIG = {
    "current-context": "site",
    "clusters": [{"name": "site", "cluster": {"server": "https://127.0.0.1:9"}}],  # the discard port: nobody answers
    "users": [{"name": "admin", "user": {"token": "none"}}],
    "contexts": [{"name": "site", "context": {"cluster": "site", "user": "admin"}}],
}


@pytest.fixture
def kubeconfig(tmp_path):
    return tmp_path / "kubeconfig"


def play(kubeconfig, *arguments):
    playbook = kubeconfig.with_name("play.yml")
    playbook.write_text(PLAYBOOK)
    command = [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local", playbook]
    variables = ["-e", f"platform_kubeconfig={kubeconfig}", "-e", "require_cluster_timeout=1"]
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        "ANSIBLE_INVENTORY_ENABLED": "host_list,yaml",
        "ANSIBLE_FORCE_COLOR": "0",
        "VOICEHELPER_VAULT_PASSWORD_FILE": str(kubeconfig.with_name("vault-password")),
    }
    return subprocess.run([*command, *variables, *arguments], env=environment, capture_output=True, text=True)


def test_a_check_before_the_first_run_ends_the_play(kubeconfig):
    done = play(kubeconfig, "--check")
    assert done.returncode == 0
    assert "the tier was judged" not in done.stdout


def test_a_run_without_a_cluster_says_what_is_missing(kubeconfig):
    done = play(kubeconfig)
    assert done.returncode != 0
    assert f"kubeconfig {kubeconfig}: found no file; wanted the cluster's" in done.stdout + done.stderr


def test_an_api_that_does_not_answer_is_an_error_even_in_check_mode(kubeconfig):
    kubeconfig.write_text(yaml.safe_dump(KUBECONFIG))
    done = play(kubeconfig, "--check")
    assert done.returncode != 0
    assert "is not ready after 1 s: found https://127.0.0.1:9" in done.stdout + done.stderr
    assert "no control plane is ready either" in done.stdout + done.stderr


@pytest.fixture
def control_plane(tmp_path):
    """Port of an API server that answers by its own address alone, and what a kubeconfig trusts."""

    class Ready(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

    with https.serving(Ready, tmp_path) as served:
        yield served


def test_a_control_plane_that_answers_by_its_own_address_alone_is_named(kubeconfig, control_plane):
    port, trusted = control_plane
    cluster = KUBECONFIG["clusters"][0]
    named = {**cluster, "cluster": {**cluster["cluster"], "certificate-authority-data": trusted}}
    kubeconfig.write_text(yaml.safe_dump({**KUBECONFIG, "clusters": [named]}))
    inventory = kubeconfig.with_name("hosts.yml")
    inventory.write_text(yaml.safe_dump({"control_plane": {"hosts": {"cp-1": {"ansible_host": "127.0.0.1"}}}}))
    done = play(kubeconfig, "-i", str(inventory), "-e", f"platform_api_port={port}")
    assert done.returncode != 0
    assert "Asked by its own address, 127.0.0.1 is ready: what holds platform_api_vip" in done.stdout + done.stderr
