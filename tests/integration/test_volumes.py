"""Role data_disks makes the file system of a loop device, once, and leaves somebody's as it is."""

from __future__ import annotations

import subprocess

import pytest

HERE = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}


def steps(*names):
    """Plays that go through parts of the role and print the plan that they end with."""
    tasks = [{"ansible.builtin.include_role": {"name": "data_disks", "tasks_from": name}} for name in names]
    return [{"hosts": "nodes", "gather_facts": False, "tasks": [*tasks, {"ansible.builtin.debug": {"var": "data_disks_plan.steps"}}]}]


def carried(device):
    """Type and label of what is on a device."""
    told = subprocess.run(["/usr/sbin/blkid", "--probe", "--output", "export", device], capture_output=True, text=True, check=False).stdout
    tags = dict(line.split("=", 1) for line in told.splitlines())
    return tags.get("TYPE"), tags.get("LABEL")


@pytest.fixture
def disk(tmp_path):
    """A blank block device."""
    image = tmp_path / "disk"
    with image.open("wb") as stream:
        stream.truncate(64 << 20)
    device = subprocess.run(["losetup", "--find", "--show", image], check=True, capture_output=True, text=True).stdout.strip()
    yield device
    subprocess.run(["losetup", "--detach", device], check=True)


@pytest.fixture
def volume(site, play, disk):
    """Run parts of the role on the disk: ``volume("judge", …, refused=False)`` gives what was said."""
    inventory = site({"here": HERE}, data_disks_devices=[{"device": disk}], data_disks_filesystem="ext4")

    def run(*names, check=False, refused=False):
        result = play(inventory, steps(*names), "--diff", *(["--check"] if check else []))
        assert (result.returncode != 0) == refused, result.stdout + result.stderr
        return result.stdout

    return run


def test_a_blank_disk_gets_its_file_system_once(volume, disk):
    assert f"make ext4 on {disk}" in volume("judge", check=True)
    assert carried(disk) == (None, None)
    assert "data_disks_plan.steps: []" in volume("judge", "make").replace('"', "")
    made = subprocess.run(["/usr/sbin/blkid", "--probe", disk], capture_output=True, check=True).stdout
    assert carried(disk) == ("ext4", "voicehelper")
    assert "data_disks_plan.steps: []" in volume("judge", "make").replace('"', "")
    assert subprocess.run(["/usr/sbin/blkid", "--probe", disk], capture_output=True, check=True).stdout == made


def test_somebodys_file_system_is_left_as_it_is(volume, disk):
    subprocess.run(["/usr/sbin/mkfs.ext4", "-q", "-L", "precious", disk], check=True)
    assert "found ext4 labelled precious" in volume("judge", "make", refused=True)
    assert carried(disk) == ("ext4", "precious")
