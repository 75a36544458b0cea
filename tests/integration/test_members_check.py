"""A run with other secrets than those of the cluster that runs, or with another version of it, ends before anything is made or written."""

from __future__ import annotations

import os
import subprocess

import pytest
import yaml
from ansible.module_utils.node.member_facts import fingerprint

from bootstrap.secrets.pki import make_ca, public_key

SITE = {
    "platform_size": "minimal",
    "platform_node_cidr": "10.0.0.0/24",
    "platform_api_vip": "10.0.0.10",
    "platform_load_balancer_pool": {"start": "10.0.0.200", "stop": "10.0.0.239"},
}
HOSTS = {"cp-1": {"ansible_host": "10.0.0.11"}}
WORKERS = {"worker-1": {"ansible_host": "10.0.0.21"}, "worker-2": {"ansible_host": "10.0.0.22"}}
NOTHING = {"stage": "absent", "fingerprints": {}, "immutable_differs": {}, "kubelet_version": ""}
CA, PASSPHRASE = make_ca("kubernetes", 3650), "of this site's disks"
RUNS = {
    "stage": "member",
    "fingerprints": {"kubernetes_ca": fingerprint(CA["cert"]), "data_disks_key": fingerprint(PASSPHRASE)},
    "immutable_differs": {},
    "kubelet_version": "1.36.4",
}
COPY = "Copy the vault's file from the controller that has it"


@pytest.fixture
def inventory(site):
    return site(HOSTS, WORKERS, **SITE)


@pytest.fixture
def run(inventory, play, project):
    """Compare the site with what its nodes answered; then make the secrets, as the plays that follow do."""

    def go(answers, *options, **variables):
        told = {"hosts": "nodes", "gather_facts": False, "tasks": []}
        told["tasks"] = [
            {"ansible.builtin.set_fact": {"kubeadm_found": "{{ answers[inventory_hostname] }}"}, "when": "inventory_hostname in answers"}
        ]
        told["tasks"].append(
            {
                "ansible.builtin.group_by": {"key": "kubeadm_{{ kubeadm_found.stage }}"},
                "when": "inventory_hostname in answers",
                "changed_when": False,
            }
        )
        make = {"hosts": "controller", "gather_facts": False, "roles": ["site_secrets"]}
        check = {"ansible.builtin.import_playbook": str(project / "playbooks/members_check.yml")}
        # A node that was not asked would be asked now: it is one that does not answer.
        return play(inventory, [told | {"vars": {"answers": answers}}, check, make], *options, **variables)

    return go


@pytest.fixture
def vault(inventory, tmp_path, project):
    """The site's vault with the CA that runs, and with whatever else a later version does not miss."""

    def write(leave_out=()):
        key = CA["key"]
        other = make_ca("other", 3650)
        entries = {
            name: {"kind": "ca", "value": {**other, "ca": other["cert"]}}
            for name in ("site_ca", "kubernetes_etcd_ca", "kubernetes_front_proxy_ca")
        }
        entries["kubernetes_ca"] = {"kind": "ca", "value": {**CA, "ca": CA["cert"]}}
        entries["kubernetes_service_account"] = {"kind": "keypair", "value": {"key": key, "public": public_key(key)}}
        entries["kubernetes_secretbox"] = {"kind": "secretbox", "value": "a2V5"}
        entries["data_disks_key"] = {"kind": "password", "value": PASSPHRASE}
        path, password = inventory / "credentials/secrets.yml", tmp_path / "vault-password"
        path.parent.mkdir(mode=0o700)
        path.write_text(yaml.safe_dump({name: entry for name, entry in entries.items() if name not in leave_out}))
        password.write_text("for the test\n")
        password.chmod(0o600)
        elsewhere = {name: value for name, value in os.environ.items() if name != "ANSIBLE_CONFIG"}  # which names a password of its own
        command = ["ansible-vault", "encrypt", f"--vault-password-file={password}", path]
        subprocess.run(command, check=True, cwd=tmp_path, env=elsewhere, capture_output=True)
        return path

    return write


def refused(result, inventory, *parts):
    """Assert that the run failed, says all this, and made nothing."""
    text = " ".join((result.stdout + result.stderr).split())
    assert result.returncode != 0, text
    assert not [part for part in parts if part not in text], text
    assert "changed=0" in text and "changed=1" not in text
    return text


def test_without_the_vaults_file_a_running_cluster_keeps_its_cas(run, inventory):
    for options in ((), ("--check",)):
        found = f"cp-1: kubernetes_ca: found {RUNS['fingerprints']['kubernetes_ca'][:16]} (SHA-256) in force, and nothing in"
        refused(run({"cp-1": RUNS, "worker-1": NOTHING, "worker-2": NOTHING}, *options), inventory, found, "wanted the same", COPY)
        assert not (inventory / "credentials").exists()


def test_the_passphrase_of_a_workers_disks_is_not_made_anew(run, inventory):
    worker = {**NOTHING, "fingerprints": {"data_disks_key": fingerprint("old")}}
    refused(
        run({"cp-1": NOTHING, "worker-1": worker, "worker-2": NOTHING}),
        inventory,
        "worker-1: data_disks_key: found",
        "and nothing in",
        COPY,
    )
    assert not (inventory / "credentials").exists()


def test_another_vault_is_refused(run, inventory, vault):
    before = vault().read_bytes()
    other = {**RUNS, "fingerprints": {"kubernetes_ca": fingerprint("of another site")}}
    refused(run({"cp-1": other}), inventory, "cp-1: kubernetes_ca: found", "wanted the same", COPY)
    assert (inventory / "credentials/secrets.yml").read_bytes() == before


@pytest.mark.parametrize("new", [False, True])
def test_a_kubeconfig_without_the_vault_is_refused_unless_a_new_cluster_is_meant(run, inventory, new):
    (inventory / "credentials").mkdir(mode=0o700)
    (inventory / "credentials/kubeconfig").touch()
    result = run({host: NOTHING for host in (*HOSTS, *WORKERS)}, *(("-e", "kubeadm_new_cluster=true") if new else ()))
    if new:
        assert result.returncode == 0, result.stdout + result.stderr
    else:
        refused(result, inventory, "found no site_ca, kubernetes_ca", "credentials/kubeconfig is there", COPY)


def test_a_first_run_makes_the_secrets(run, inventory):
    result = run({host: NOTHING for host in (*HOSTS, *WORKERS)})
    assert result.returncode == 0, result.stdout + result.stderr
    assert (inventory / "credentials/secrets.yml").exists()


def test_what_a_later_version_adds_is_made_on_a_running_site_and_a_dead_worker_stops_nothing(run, inventory, vault):
    before = vault().stat().st_size
    result = run({"cp-1": RUNS, "worker-1": NOTHING, "worker-2": NOTHING})
    assert result.returncode == 0, result.stdout + result.stderr
    assert (inventory / "credentials/secrets.yml").stat().st_size > 2 * before


def test_a_lost_ca_of_a_running_site_is_made_by_name_only(run, inventory, vault):
    vault(leave_out=["site_ca"])
    answers = {"cp-1": RUNS, "worker-1": NOTHING, "worker-2": NOTHING}
    refused(run(answers), inventory, "found no site_ca in", "cp-1 belongs to a cluster", COPY)
    assert run(answers, "-e", "confirm=new-secret:site_ca").returncode == 0


@pytest.mark.parametrize(
    ("version", "options", "passes"), [("1.36.3", (), False), ("1.36.3", ("-e", "confirm=upgrade"), True), ("1.36.4", (), True)]
)
def test_another_version_of_kubernetes_is_an_upgrade_that_somebody_confirms(run, inventory, vault, version, options, passes):
    vault()
    result = run({"cp-1": {**RUNS, "kubelet_version": version}, "worker-1": NOTHING, "worker-2": NOTHING}, *options)
    if passes:
        assert result.returncode == 0, result.stdout + result.stderr
    else:
        refused(result, inventory, "cp-1: artifacts_versions.kubernetes: found 1.36.3 in force, wanted 1.36.4", "confirm=upgrade")


@pytest.mark.parametrize(
    "playbook", ["site.yml", "playbooks/provision.yml", "playbooks/storage.yml", "playbooks/kubernetes.yml", "playbooks/verify.yml"]
)
def test_a_limit_without_the_controller_is_refused(play, inventory, playbook):
    result = play(inventory, playbook, "--limit", "worker-2")
    refused(result, inventory, "--limit: found worker-2; wanted localhost among them", "--limit=localhost,worker-2")


def test_what_a_cluster_keeps_for_life_is_not_changed(run, inventory, vault):
    before = vault().read_bytes()
    answers = {"cp-1": RUNS | {"immutable_differs": {"platform_api_vip": "found 10.0.0.9:6443 in force, wanted 10.0.0.10:6443"}}}
    refused(
        run(answers),
        inventory,
        "cp-1: platform_api_vip: found 10.0.0.9:6443 in force, wanted 10.0.0.10:6443",
        "put the inventory's value back",
    )
    assert (inventory / "credentials/secrets.yml").read_bytes() == before
