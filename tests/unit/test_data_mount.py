"""data_mount: a run that died between two steps is finished by the next one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible.module_utils.node import disk_facts, disk_plan
from ansible.module_utils.node.node_steps import Node

from plugins.modules import data_mount

WANTED = disk_plan.Wanted("/data", "voicehelper", "xfs", ("noatime", "prjquota"))


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    """What the part that mounts does on a node whose volume is mounted already. `mounted.stale`: systemd has not read its units."""
    commands = []

    def run_command(command):
        commands.append(command)
        if command == ["systemctl", "daemon-reload"]:
            run.stale = False
        if command[0] in run.dies:
            raise KeyboardInterrupt
        return 0, "", ""

    node = Node(SimpleNamespace(check_mode=False, run_command=run_command))
    write = node.file
    node.file = lambda path, text: write(path, text) and (commands.append(["write", path.name]), setattr(run, "stale", True))
    monkeypatch.setattr(data_mount, "UNITS", tmp_path)
    monkeypatch.setattr(data_mount, "KUBELET_DROPIN", tmp_path / "10-data.conf")
    monkeypatch.setattr(disk_facts, "mounted_device", lambda _path: "vdb")
    monkeypatch.setattr(disk_facts, "uuid_of", lambda _device: "6d0c-1")
    monkeypatch.setattr(disk_facts, "needs_reload", lambda *_units: run.stale)

    def run(wanted=WANTED):
        commands.clear()
        data_mount.mounted(node, wanted, "/dev/vdb")
        return [" ".join(command) for command in commands]

    run.stale, run.dies = False, ()
    (tmp_path / "local-fs.target.wants").mkdir()
    (tmp_path / "local-fs.target.wants/data.mount").symlink_to(tmp_path / "data.mount")
    return run


def test_a_mounted_volume_is_left_alone(mounted):
    assert mounted() == ["write data.mount", "write 10-data.conf", "systemctl daemon-reload"]
    assert mounted() == []


def test_what_systemd_has_not_read_is_read_by_the_next_run(mounted):
    mounted()
    mounted.stale = True  # the run died right after it wrote the unit
    assert mounted() == ["systemctl daemon-reload"]


def test_new_options_come_into_force_though_a_run_died_with_them(mounted):
    mounted()
    changed = disk_plan.Wanted("/data", "voicehelper", "xfs", ("noatime", "nodev", "prjquota"))
    mounted.dies = ("mount",)
    with pytest.raises(KeyboardInterrupt):
        mounted(changed)
    mounted.dies = ()
    assert mounted(changed)[:2] == ["mount -o remount,noatime,nodev /data", "write data.mount"]
    assert mounted(changed) == []


@pytest.fixture
def missing(run_module, tmp_path):
    """Run the module for a volume whose file system is still to be made."""
    arguments = {"device": "/dev/vdb", "missing": True, "path": str(tmp_path / "data"), "label": "voicehelper", "site": "5173a0c1b2d4"}
    return lambda check: run_module(data_mount, check=check, made=str(tmp_path / "made"), disks=["S1"], directories=["minio"], **arguments)


def test_a_check_tells_what_follows_the_file_system_and_does_none_of_it(missing, tmp_path):
    assert missing(check=True)["steps"] == [f"mount {tmp_path}/data", f"write {tmp_path}/made", f"make {tmp_path}/data/minio"]
    assert not (tmp_path / "data").exists() and not (tmp_path / "made").exists()


def test_no_directory_is_made_where_the_volume_is_not(missing, run_module, tmp_path):
    with pytest.raises(run_module.failure, match="found no volume to mount, wanted /dev/vdb with xfs"):
        missing(check=False)
    assert not (tmp_path / "data").exists()
