"""What roles leave on machines is known: a reset takes away what they write, and whatever else changes a machine is named here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, lookup_loader
from ansible.template import Templar

from bootstrap import roles

PROJECT = Path(__file__).parents[2]
init_plugin_loader([])
PLAYBOOKS = ("provision", "storage", "kubernetes")
MACHINES = {"nodes", "control_plane", "kubeadm_bootstrap", "kubeadm_drifted", "kubeadm_join_control_plane", "kubeadm_join_worker"}
BESIDES = {"preflight"}  # it only looks
# What tasks change a machine by, besides node_files, and who takes that back.
TAKEN_BACK = {
    ("base", "ansible.builtin.apt"): "packages",
    ("base", "ansible.builtin.dnf"): "packages",
    ("base", "ansible.builtin.hostname"): "put_back",
    ("base", "ansible.builtin.blockinfile"): "without_block",
    ("base", "ansible.builtin.replace"): "with_swap",
    ("base", "ansible.builtin.systemd_service"): "base_footprint",
    ("base", "ansible.builtin.command"): "put_back",  # swapoff
    ("containerd", "node_artifacts"): "stamped",
    ("containerd", "image_prefetch"): "containerd_footprint",
    ("kubelet", "node_artifacts"): "stamped",
    ("kubelet", "kubelet_trust"): "kubelet_footprint",
    ("kubelet", "pod_tokens"): "kubelet_footprint",
    ("kubeadm", "kubeadm_member"): "kubeadm_footprint",
    ("data_disks", "ansible.builtin.package"): "packages",
    ("data_disks", "ansible.builtin.command"): "wipe",  # wipefs
    ("data_disks", "community.crypto.luks_device"): "release",
    ("data_disks", "community.general.crypttab"): "is_ours",
    ("data_disks", "community.general.lvg"): "release",
    ("data_disks", "community.general.lvol"): "release",
    ("data_disks", "community.general.filesystem"): "wipe",
    ("data_disks", "data_mount"): "data_disks_footprint",
    ("data_disks", "data_volumes"): "wipe",
    ("etcd_snapshot", "ansible.builtin.systemd_service"): "etcd_snapshot_footprint",
}
# These change nothing on a machine, or only in the run.
HARMLESS = {
    *("node_files", "disk_admission", "machine_state"),
    *("secrets_rewrite", "cluster_trust"),  # in the cluster
    *(f"ansible.builtin.{name}" for name in ("assert", "fail", "debug", "set_fact", "group_by", "uri", "meta", "find", "fetch")),
    *(f"ansible.builtin.{name}" for name in ("include_role", "import_role", "include_tasks", "import_tasks")),
}
WORDS = {"name", "when", "vars", "register", "loop", "loop_control", "until", "retries", "delay", "changed_when", "failed_when", "no_log"}
WORDS |= {"block", "rescue", "always", "run_once", "notify", "check_mode", "tags", "become", "delegate_to", "listen"}


def read(path: Path):
    return yaml.safe_load(path.read_text()) or []


def tasks(entries: list) -> Iterator[dict]:
    for entry in entries:
        yield entry
        for part in ("block", "rescue", "always"):
            yield from tasks(entry.get(part, []))


def on_machines() -> set[str]:
    """Roles that plays run on machines."""
    found = set()
    for play in (play for name in PLAYBOOKS for play in read(PROJECT / f"playbooks/{name}.yml")):
        if str(play.get("hosts")).partition(":")[0] in MACHINES:
            found |= {entry["role"] if isinstance(entry, dict) else entry for entry in play.get("roles", [])}
            found |= {
                task["ansible.builtin.include_role"]["name"] for task in play.get("tasks", []) if "ansible.builtin.include_role" in task
            }
    return found - BESIDES


@pytest.fixture(scope="module")
def reset():
    return yaml.safe_load((PROJECT / "roles/reset/vars/main.yml").read_text())


def lookup(*roles: str, **options) -> list:
    """What the lookup gives of roles of a small site."""
    variables = {
        "ansible_facts": {"pkg_mgr": "apt"},
        "groups": {"nodes": ["cp-1"], "control_plane": ["cp-1"], "workers": []},
        "inventory_hostname": "cp-1",
        "platform_name": "voicehelper",
        "storage_path": "/srv/the-data",
        "containerd_registry_mirrors": {},
        "artifacts_images": {},
    }
    loader = DataLoader()
    lookup_loader.add_directory(str(PROJECT / "plugins/lookup"))
    plugin = lookup_loader.get("role_footprint", loader=loader, templar=Templar(loader, variables))
    return plugin.run(roles, variables, **options)


def test_every_role_that_runs_on_machines_is_taken_back(reset):
    programs_of_the_cluster = {"cilium"}  # its agents run on machines, its role does not
    assert {*reset["reset_roles"], *reset["reset_roles_of_access"]} == on_machines() | programs_of_the_cluster


def test_whatever_changes_a_machine_is_taken_back(reset):
    roles = on_machines()
    files = [(path.parents[1].name, path) for role in roles for path in (PROJECT / "roles" / role).glob("tasks/*.yml")]
    changing = [(role, task) for role, path in files for task in tasks(read(path)) if task.get("changed_when") is not False]
    used = {(role, word) for role, task in changing for word in task.keys() - WORDS - HARMLESS}
    assert used == set(TAKEN_BACK)


def test_who_takes_it_back_is_there():
    code = "".join((PROJECT / f"plugins/module_utils/node/machine_{part}.py").read_text() for part in ("reset", "kernel"))
    variables = {name for path in PROJECT.glob("roles/*/vars/main.yml") for name in read(path)}
    assert [who for who in TAKEN_BACK.values() if f"def {who}(" not in code and who not in variables] == []


@pytest.mark.parametrize(
    ("role", "path", "reader"),
    [
        ("base", "/etc/sysctl.d/90-voicehelper.conf", "systemd-sysctl.service"),
        ("time_sync", "/etc/chrony/chrony.conf", "chrony.service"),  # a template of the role's data
        ("auto_updates", "/etc/apt/apt.conf.d/52voicehelper-unattended-upgrades", ""),  # all of it a template
        ("containerd", "/etc/containerd/certs.d/*/hosts.toml", ""),  # one for each registry
        ("firewall", "/etc/voicehelper/firewall.nft.proven", ""),  # kept while a change is on trial
        ("data_disks", "/etc/systemd/system/srv-the\\x2ddata.mount", ""),
    ],
)
def test_paths_are_those_that_the_tasks_write(role, path, reader):
    assert {"path": path, "restarts": reader} in lookup(role)


def test_what_two_tasks_write_goes_once():
    paths = [entry["path"] for entry in lookup("firewall")]
    assert paths.count("/etc/voicehelper/firewall-members.nft") == 1


def test_units_of_others_are_known():
    units = lookup("time_sync", "auto_updates", "kubelet", units=True)
    assert units == ["chrony.service", "apt-daily.timer", "apt-daily-upgrade.timer", "kubelet.service"]


def test_a_task_inside_a_block_counts(tmp_path, monkeypatch):
    (tmp_path / "demo/tasks").mkdir(parents=True)
    task = {"node_files": {"files": [{"path": "/etc/demo", "content": ""}]}}
    (tmp_path / "demo/tasks/main.yml").write_text(yaml.safe_dump([{"block": [task], "rescue": [{"ansible.builtin.fail": {}}]}]))
    monkeypatch.setattr(roles, "ROLES", tmp_path)
    assert [entry["path"] for (entry,) in roles.told_node_files(DataLoader(), "demo", "files")] == ["/etc/demo"]
