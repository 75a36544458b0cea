"""A backup brings etcd's newest snapshot of each control plane to the controller."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml


@pytest.fixture
def fetch(project, tmp_path):
    """Run the tasks as of the moment when the snapshot has been taken, on two machines that are this one."""

    def run():
        machine = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        hosts = {name: machine | {"etcd_snapshot_dir": str(tmp_path / name)} for name in ("cp-1", "cp-2")}
        inventory, playbook = tmp_path / "hosts.yml", tmp_path / "play.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
        tasks = [{"ansible.builtin.import_tasks": str(project / "roles/etcd_snapshot/tasks/fetch.yml")}]
        playbook.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        command = [Path(sys.executable).with_name("ansible-playbook"), "-i", inventory, playbook, "--start-at-task=Find the snapshots"]
        environment = os.environ | {"ANSIBLE_CONFIG": str(project / "ansible.cfg"), "ANSIBLE_INVENTORY_ENABLED": "yaml"}
        extra = ["-e", json.dumps({"platform_state_dir": str(tmp_path / "state")})]
        return subprocess.run([*command, *extra], env=environment, capture_output=True, text=True, timeout=120)

    return run


def test_the_newest_snapshot_of_each_comes_to_the_controller(fetch, tmp_path):
    for host in ("cp-1", "cp-2"):
        (tmp_path / host).mkdir()
        for day in ("20260130", "20260131"):
            (tmp_path / host / f"etcd-{day}T000000Z.db").write_text(f"{host} {day}")
    done = fetch()
    assert done.returncode == 0, done.stdout + done.stderr
    brought = {path.name: path.read_text() for path in (tmp_path / "state/etcd").iterdir()}
    assert brought == {"cp-1.db": "cp-1 20260131", "cp-2.db": "cp-2 20260131"}


def test_every_backup_brings_it_and_takes_one_before(project):
    plays = yaml.safe_load((project / "playbooks/backup.yml").read_text())
    (bringing,) = (play for play in plays if any("etcd_snapshot" in str(task) for task in play.get("tasks", [])))
    assert bringing["hosts"] == "control_plane"
    assert bringing["tasks"][0]["ansible.builtin.include_role"]["tasks_from"] == "fetch.yml"
    first = yaml.safe_load((project / "roles/etcd_snapshot/tasks/fetch.yml").read_text())[0]
    assert first["ansible.builtin.systemd_service"] == {"name": "etcd-snapshot.service", "state": "started"}
