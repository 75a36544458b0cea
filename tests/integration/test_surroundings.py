"""A run stands by its inventory: what its caller's shell has for other work changes nothing."""

from __future__ import annotations

import json
import sys


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
