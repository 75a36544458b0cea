"""disk_admission: what is still to be made of the disks, layer by layer, and that nothing is touched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils.node import disk_facts
from ansible.module_utils.node.disk_plan import Disk

from plugins.modules import disk_admission

B, C, VOLUME = "/dev/vdb", "/dev/vdc", "/dev/voicehelper/data"
INNER = {B: "/dev/mapper/luks-vdb", C: "/dev/mapper/luks-vdc"}


def carries(kind, label="", group=""):
    """What a device of a test carries."""
    return {"signatures": [{"type": kind, "label": label, "uuid": ""}], "has_data": True, "volume_group": group}


OURS, MEMBER, LUKS = carries("xfs", "voicehelper"), carries("LVM2_member", group="voicehelper"), carries("crypto_LUKS", "voicehelper")


@pytest.fixture
def host(run_module, monkeypatch, tmp_path):
    """A machine with the devices `host.devices`, {path: what it carries}; `host.judge(…)` runs the module on some of them."""

    def inspect(device, wipe=False, encrypt=False):
        return replace(Disk(device, wipe, encrypt, exists=device in machine.devices), **machine.devices.get(device, {}))

    def judge(*devices, check=False, **options):
        entries = [{"device": device, **options} for device in devices]
        return run_module(disk_admission, check=check, devices=entries, path="/data", label="voicehelper", made=str(tmp_path / "made"))

    machine = SimpleNamespace(devices={B: {}, C: {}}, judge=judge, failure=run_module.failure, crypttab=tmp_path / "crypttab")
    machine.free, machine.mounted = None, ""
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: str(path) in machine.devices or exists(path))
    monkeypatch.setattr(disk_admission, "CRYPTTAB", machine.crypttab)
    monkeypatch.setattr(disk_facts, "inspect", inspect)
    monkeypatch.setattr(disk_facts, "identity", lambda device: f"serial of {device}")
    monkeypatch.setattr(disk_facts, "device_mapper", lambda: {"dm_mod", "dm_crypt"})
    monkeypatch.setattr(disk_facts, "uuid_of", lambda device: Path(device).name)
    monkeypatch.setattr(disk_facts, "kernel_name", lambda device: Path(device).name)
    monkeypatch.setattr(disk_facts, "free_extents", lambda _group: machine.free)
    monkeypatch.setattr(disk_facts, "mounted_device", lambda _path: machine.mounted)
    return machine


def test_a_blank_disk_gets_a_file_system(host):
    plan = host.judge(B)
    assert (plan["volume"], plan["format"], plan["steps"]) == (B, True, [f"make xfs on {B}"])
    assert plan["identities"] == [f"serial of {B}"]


def test_a_volume_of_ours_lacks_nothing(host):
    host.devices[B], host.mounted = OURS, "vdb"
    plan = host.judge(B, wipe=True)
    assert (plan["volume"], plan["format"], plan["steps"]) == (B, False, [])


def test_only_a_check_calls_it_a_change(host):
    """What is missing is made by the tasks behind it; a check cannot run them."""
    assert not host.judge(B)["changed"]
    checked = host.judge(B, check=True)
    assert checked["changed"] and checked["diff"]["prepared"] == f"make xfs on {B}\n"


def test_what_may_go_is_erased_with_its_partitions(host):
    host.devices[B] = {"partitions": ["vdb1"], "has_data": True}
    assert host.judge(B, wipe=True)["erase"] == ["/dev/vdb1", B]


def test_a_disk_is_encrypted_then_opened_then_formatted(host):
    plan = host.judge(B, encrypt=True)
    assert (plan["encrypt"], plan["open"], plan["volume"], plan["format"]) == ([B], [], "", True)
    host.devices[B] = LUKS
    plan = host.judge(B, encrypt=True)
    assert (plan["encrypt"], plan["volume"], plan["format"]) == ([], "", False)  # nobody can see what is inside
    assert plan["open"] == [{"device": B, "uuid": "vdb", "name": "luks-vdb"}]
    host.devices[INNER[B]] = {}
    host.crypttab.write_text("luks-vdb UUID=vdb /etc/key luks,nofail\n")
    plan = host.judge(B, encrypt=True)
    assert (plan["open"], plan["volume"], plan["format"]) == ([], INNER[B], True)
    host.devices[INNER[B]] = OURS
    assert host.judge(B, encrypt=True)["steps"] == []


def test_an_open_disk_that_no_boot_opens_is_told_to_crypttab(host):
    host.devices |= {B: LUKS, INNER[B]: OURS}
    assert host.judge(B, encrypt=True)["steps"] == [f"open {B} now and at every boot"]


def test_several_disks_are_joined_once_all_are_there(host):
    plan = host.judge(B, C)
    assert (plan["members"], plan["join"], plan["volume"], plan["format"]) == ([B, C], True, "", True)
    host.devices |= {B: LUKS, C: LUKS, INNER[B]: {}}
    assert host.judge(B, C, encrypt=True)["members"] == []
    host.devices[INNER[C]] = {}
    assert host.judge(B, C, encrypt=True)["members"] == [INNER[B], INNER[C]]


def test_a_volume_over_several_disks_lacks_nothing(host):
    host.devices |= {B: MEMBER, C: MEMBER, VOLUME: OURS}
    host.mounted, host.free = "data", 0
    plan = host.judge(B, C)
    assert (plan["volume"], plan["steps"]) == (VOLUME, [])


def test_a_new_disk_joins_a_volume_in_use(host):
    host.devices |= {B: MEMBER, VOLUME: OURS}
    host.mounted, host.free = "data", 0
    assert host.judge(B, C)["steps"] == [f"join {B}, {C} to the volume group voicehelper"]


def test_a_new_disk_is_encrypted_beside_a_volume_in_use(host):
    host.devices |= {B: LUKS, INNER[B]: MEMBER, VOLUME: OURS}
    host.mounted, host.free = "data", 0
    host.crypttab.write_text("luks-vdb UUID=vdb /etc/key luks,nofail\n")
    plan = host.judge(B, C, encrypt=True)
    assert plan["steps"] == [f"encrypt {C}", "join the disks to the volume group voicehelper"] and plan["volume"] == VOLUME


def test_what_lies_in_closed_disks_is_not_said_to_be_made(host):
    host.devices |= {B: LUKS, C: LUKS}
    plan = host.judge(B, C, encrypt=True)
    assert [step.split()[0] for step in plan["steps"]] == ["open", "open"] and plan["volume"] == ""


def test_a_group_of_our_name_on_other_disks_is_not_extended(host):
    host.free = 0
    with pytest.raises(host.failure, match="found a volume group voicehelper on none of these disks"):
        host.judge(B, C)


def test_a_run_that_died_before_the_volume_filled_its_group_is_finished(host):
    host.devices |= {B: MEMBER, C: MEMBER, VOLUME: OURS}
    host.free = 31
    assert host.judge(B, C)["join"]
    host.free = 0
    del host.devices[VOLUME]  # or nobody has activated it
    plan = host.judge(B, C)
    assert plan["join"] and not plan["format"]


@pytest.mark.parametrize(
    ("devices", "arguments"),
    [
        ({B: carries("ext4", "backup")}, {}),
        ({C: carries("ext4", "backup")}, {}),  # the other one is blank, and nothing is said to be made of it
        ({B: LUKS, C: LUKS, INNER[B]: carries("ext4", "backup"), INNER[C]: {}}, {"encrypt": True}),
        ({B: MEMBER, C: MEMBER, VOLUME: carries("ext4", "backup")}, {}),  # in a volume of ours
    ],
)
def test_foreign_data_are_refused_in_every_layer(host, devices, arguments):
    host.devices |= devices
    with pytest.raises(host.failure, match=r"found ext4 labelled backup .*Disks of this host: ") as refusal:
        host.judge(B, C, **arguments)
    assert "steps" not in refusal.value.result


def test_another_device_at_the_path_is_refused_before_anything_is_made(host):
    host.mounted = "vda3"
    with pytest.raises(host.failure, match=f"found vda3 mounted at /data, wanted {B} there"):
        host.judge(B)
