"""The project's own playbooks on a site that has a cluster: nothing is done by halves, and nothing with an older vault."""

from __future__ import annotations

import pytest

SITE = {
    "platform_size": "minimal",
    "platform_node_cidr": "10.0.0.0/24",
    "platform_api_vip": "10.0.0.10",
    "platform_load_balancer_pool": {"start": "10.0.0.200", "stop": "10.0.0.239"},
}
NOTHING = {"stage": "absent", "fingerprints": {}, "founded_otherwise": {}, "kubelet_version": ""}


@pytest.fixture
def vault(site, play, api):
    """The vault of a site whose cluster answers."""
    inventory = site({"cp-1": {"ansible_host": "10.0.0.11"}}, {"worker-1": {"ansible_host": "10.0.0.21"}}, **SITE)
    told = {"hosts": "nodes", "gather_facts": False, "tasks": [{"ansible.builtin.set_fact": {"kubeadm_found": NOTHING}}]}
    made = play(inventory, [told, {"hosts": "controller", "gather_facts": False, "roles": ["site_secrets"]}])
    assert made.returncode == 0, made.stdout + made.stderr
    api(inventory / "credentials/kubeconfig")
    return inventory / "credentials/secrets.yml"


def told(result):
    return " ".join((result.stdout + result.stderr).split())


def test_a_rotation_that_reaches_no_machine_changes_nothing(play, vault):
    before = vault.read_bytes()
    names = "kubernetes_secretbox,kubernetes_etcd_ca,kubernetes_service_account"
    result = play(vault.parents[1], "playbooks/rotate-secrets.yml", "--limit=localhost", "-e", f"confirm={names}")
    assert result.returncode != 0
    assert "cp-1, worker-1: found no answer, or no word of the step before, or left out by --limit; wanted every machine" in told(result)
    assert vault.read_bytes() == before
