"""The project's own playbooks on a site that has a cluster: nothing is done by halves, and nothing with an older vault."""

from __future__ import annotations

import pytest
import yaml

SITE = {
    "platform_size": "minimal",
    "platform_node_cidr": "10.0.0.0/24",
    "platform_api_vip": "10.0.0.10",
    "platform_load_balancer_pool": {"start": "10.0.0.200", "stop": "10.0.0.239"},
}
RECORD = "/api/v1/namespaces/kube-system/configmaps/voicehelper-vault"
NOTHING = {"stage": "absent", "fingerprints": {}, "immutable_differs": {}, "kubelet_version": ""}
SECRETS = {
    "path": "{{ site_secrets_file }}",
    "secrets": "{{ site_secrets }}",
    "lives": "{{ site_certificate_lives }}",
    "guard": "{{ site_secrets_guard }}",
}


@pytest.fixture
def vault(site, play, api):
    """The vault of a site whose cluster answers."""
    inventory = site({"cp-1": {"ansible_host": "10.0.0.11"}}, {"worker-1": {"ansible_host": "10.0.0.21"}}, **SITE)
    told = {"hosts": "nodes", "gather_facts": False, "tasks": [{"ansible.builtin.set_fact": {"kubeadm_found": NOTHING}}]}
    made = play(inventory, [told, {"hosts": "controller", "gather_facts": False, "roles": ["site_secrets"]}])
    assert made.returncode == 0, made.stdout + made.stderr
    api(inventory / "credentials/kubeconfig")
    return inventory / "credentials/secrets.yml"


@pytest.fixture
def begin(play, vault, project):
    """Begin a run and do no more, or take steps of a rotation of one password."""

    def go(*options, steps=()):
        plays = [{"ansible.builtin.import_playbook": str(project / "playbooks/begin.yml")}]
        tasks = [{"site_secrets": {**SECRETS, "step": step, "rotate": ["postgresql_application"]}} for step in steps]
        plays += [{"hosts": "controller", "gather_facts": False, "tasks": tasks}] if steps else []
        return play(vault.parents[1], plays, *options)

    return go


def told(result):
    return " ".join((result.stdout + result.stderr).split())


def test_a_rotation_that_reaches_no_machine_changes_nothing(play, vault):
    before = vault.read_bytes()
    names = "kubernetes_secretbox,kubernetes_etcd_ca,kubernetes_service_account"
    result = play(vault.parents[1], "playbooks/rotate-secrets.yml", "--limit=localhost", "-e", f"confirm={names}")
    assert result.returncode != 0
    assert "cp-1, worker-1: found no answer, or no word of the step before, or left out by --limit; wanted every machine" in told(result)
    assert vault.read_bytes() == before


def test_a_cluster_knows_an_older_vault(play, vault, begin, api):
    assert "changed=1" in begin().stdout  # it is told, once
    assert "changed=0" in begin().stdout
    old, record = vault.read_bytes(), api.objects[RECORD]["data"]
    assert begin(steps=["introduce", "retire", "finish"]).returncode == 0
    assert {name for name, words in api.objects[RECORD]["data"].items() if words != record[name]} == {"postgresql_application"}
    assert "changed=0" in begin().stdout
    new = vault.read_bytes()
    vault.write_bytes(old)
    for options in ((), ("--check",)):
        result = play(vault.parents[1], "playbooks/tiers/02-storage.yml", *options)
        assert result.returncode != 0
        assert "postgresql_application: found that of" in told(result) and "which the cluster was run with since" in told(result)
        assert "Copy the vault's file from the controller that has the newer one" in told(result)
    assert vault.read_bytes() == old
    assert begin("-e", "confirm=new-secret:postgresql_application").returncode == 0  # which is then the one that counts
    assert "changed=0" in begin().stdout
    vault.write_bytes(new)
    assert "postgresql_application: found that of" in told(begin())


@pytest.mark.parametrize(
    ("worker", "claims", "options", "refused"),
    [
        (None, {"/data/kafka/vol-0": "voicehelper-storage/data-kafka-0"}, (), True),
        (None, {"/data/kafka/vol-0": "voicehelper-storage/data-kafka-0"}, ("-e", "confirm=without:worker-1"), False),
        ({}, {"/data/kafka/vol-0": "voicehelper-storage/data-kafka-0"}, (), False),
        (None, {}, (), False),  # a first deployment
    ],
)
def test_a_cluster_built_again_gives_no_member_another_volume_while_a_disk_is_away(play, vault, project, worker, claims, options, refused):
    """What `playbooks/storage.yml` saw on the disks; of the role, what it judges."""
    seen = {"cp-1": claims} | ({} if worker is None else {"worker-1": worker})
    looks = {
        "ansible.builtin.set_fact": {"data_disks_volume": {"claims": "{{ seen[inventory_hostname] }}"}},
        "when": "inventory_hostname in seen",
    }
    tasks = yaml.safe_load((project / "roles/storage_classes/tasks/main.yml").read_text())
    judges = [task for task in tasks if "ansible.builtin.assert" in task]
    plays = [
        {"hosts": "nodes", "gather_facts": False, "vars": {"seen": seen}, "tasks": [looks]},
        {"hosts": "controller", "gather_facts": False, "vars": {"storage_live": []}, "tasks": judges},
    ]
    result = play(vault.parents[1], plays, *options)
    assert (result.returncode != 0) is refused, told(result)
    assert ("worker-1: found no look at the disk in this run" in told(result)) is refused
