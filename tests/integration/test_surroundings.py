"""A run stands by its inventory: what its caller's shell has for other work changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

LAB = Path(sys.executable).with_name("lab")
FOREIGN = {"ANSIBLE_CONFIG": "/dev/null", "ANSIBLE_ROLES_PATH": "/elsewhere", "ANSIBLE_VAULT_PASSWORD_FILE": "/elsewhere"}


def show(hosts, expression, facts=False):
    """A play that prints one expression."""
    task = {"ansible.builtin.debug": {"msg": f"SHOWN{{{{ ({expression}) | to_json }}}}"}}
    return [{"hosts": hosts, "gather_facts": facts, "tasks": [task]}]


def shown(result):
    """What a play of `show` printed."""
    assert result.returncode == 0, result.stdout + result.stderr
    line = next(line for line in result.stdout.splitlines() if "SHOWN" in line)
    return json.loads(json.loads(line.partition(": ")[2]).removeprefix("SHOWN"))


def test_a_site_has_its_own_facts_though_another_has_a_host_of_that_name(site, play, tmp_path):
    def python_of(name, interpreter):
        here = {"ansible_connection": "local", "ansible_host": "127.0.0.1", "ansible_python_interpreter": interpreter}
        return shown(play(site({"worker-1": here}).rename(tmp_path / name), show("nodes", "ansible_facts.python.executable", facts=True)))

    other = tmp_path / "another-python"
    other.symlink_to(sys.executable)
    assert python_of("berlin", sys.executable) == sys.executable
    assert python_of("munich", str(other)) == str(other)


def test_a_run_follows_no_variable_to_another_cluster_and_no_proxy_to_its_own(site, play):
    elsewhere = {"KUBECONFIG": "/elsewhere", "HELM_KUBEAPISERVER": "https://elsewhere.example", "HELM_DRIVER": "configmap"}
    elsewhere |= {"K8S_AUTH_HOST": "https://elsewhere.example", "K8S_AUTH_CONTEXT": "elsewhere"}
    proxies = {"HTTPS_PROXY": "http://proxy.example:3128", "no_proxy": "intranet.example"}
    inventory = site({"cp-1": {"ansible_host": "10.0.0.11"}}, platform_api_vip="10.0.0.10", platform_node_cidr="10.0.0.0/24")
    tasks = [
        {"ansible.builtin.command": "env", "changed_when": False, "register": "seen"},
        {"ansible.builtin.debug": {"msg": "SHOWN{{ seen.stdout_lines | to_json }}"}},
    ]
    result = play(inventory, [{"hosts": "controller", "gather_facts": False, "tasks": tasks}], **elsewhere, **proxies)
    environment = dict(line.split("=", 1) for line in shown(result) if "=" in line)
    assert not set(elsewhere) & set(environment)
    assert environment["HTTPS_PROXY"] == proxies["HTTPS_PROXY"]  # what lies outside the site is fetched as the caller says
    for spelling in ("NO_PROXY", "no_proxy"):
        assert environment[spelling].split(",") == ["intranet.example", "10.0.0.10", "10.0.0.0/24"]


@pytest.mark.parametrize("caller", [{"LC_ALL": "C"}, {"LC_ALL": "de_DE.UTF-8"}, {"LANG": "de_DE.UTF-8", "TMPDIR": "/elsewhere"}, FOREIGN])
def test_the_lab_runs_a_playbook_in_any_shell(caller, tmp_path):
    """Languages that the machine does not have, as SSH brings them along; no place for temporary files; settings of another project."""
    known = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "ANSIBLE_"))}
    environment = {**known, **caller, "VOICEHELPER_LAB_STATE": "state", "VOICEHELPER_VAULT_PASSWORD_FILE": str(tmp_path / "vault-password")}
    command = [LAB, "run", "playbooks/inventory_check.yml"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, umask=0o077, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_labs_state_is_where_the_lab_put_it(project, tmp_path):
    """A relative directory, told to a command that works in another one."""
    (tmp_path / "play.yml").write_text(yaml.safe_dump(show("lab-worker-1", "ansible_ssh_private_key_file")))
    environment = {**os.environ, "VOICEHELPER_LAB_STATE": "state", "VOICEHELPER_VAULT_PASSWORD_FILE": str(tmp_path / "vault-password")}
    command = [LAB, "run", str(tmp_path / "play.yml")]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert shown(done) == str(tmp_path / "state/ssh/id_ed25519")


def test_a_state_directory_that_ssh_would_split_is_refused(tmp_path):
    environment = {**os.environ, "VOICEHELPER_LAB_STATE": str(tmp_path / "my state")}
    done = subprocess.run([LAB, "status"], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"{tmp_path}/my state: SSH splits a path with a space; VOICEHELPER_LAB_STATE names another" in done.stderr


def test_make_starts_programs_in_surroundings_of_its_own(project):
    caller = {"LC_ALL": "de_DE.UTF-8", "PYTHONPATH": "/elsewhere", "PYTHONHOME": "/elsewhere", **FOREIGN}
    done = subprocess.run(
        ["make", "--silent", "--eval=show:;@env", "show"],
        cwd=project,
        env={**os.environ, **caller},
        capture_output=True,
        text=True,
        check=True,
    )
    environment = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert environment["LC_ALL"] == "C.UTF-8"
    assert not (set(caller) - {"LC_ALL"}) & set(environment)


HELM = """#!/bin/sh
case $1 in
  version) echo 'version.BuildInfo{Version:"v3.18.4", GitCommit:"", GitTreeState:"", GoVersion:""}' ;;
  list) echo '[]' ;;
  *) echo "Error: no such chart: $3, says $0" >&2; exit 1 ;;
esac
"""


def test_helm_is_started_from_a_clone_below_a_path_with_a_space(project, site, play, tmp_path):
    """A stand-in for Helm that has no chart; the task is the role's own."""
    state = tmp_path / "my clone"
    helm = state / "bin/helm"
    helm.parent.mkdir(parents=True)
    helm.write_text(HELM)
    helm.chmod(0o755)
    (state / "kubeconfig").write_text("{apiVersion: v1, kind: Config, clusters: [], contexts: [], users: []}\n")
    tasks = yaml.safe_load((project / "roles/chart/tasks/main.yml").read_text())
    install = next(task for task in tasks if "kubernetes.core.helm" in task)
    variables = {"chart_path": str(state / "cilium.tgz"), "chart_values": {}, "chart_helm_timeout": 60}
    variables |= {"chart_name": "cilium", "chart_namespace": "kube-system"}
    inventory = site({"cp-1": {"ansible_host": "10.0.0.11"}}, platform_state_dir=str(state))
    result = play(inventory, [{"hosts": "controller", "gather_facts": False, "vars": variables, "tasks": [install]}])
    assert f"no such chart: {state}/cilium.tgz, says {helm}" in result.stdout
