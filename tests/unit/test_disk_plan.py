"""disk_plan: what is done to a disk, and what is refused, without a disk."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible.module_utils.node import disk_plan
from ansible.module_utils.node.disk_plan import Disk, Plan, Refused, Wanted

PLAIN = Wanted("/data", "voicehelper", "xfs", ("noatime",))
JOINED = replace(PLAIN, joined=True)


def signature(kind, label="", uuid="u-1"):
    return {"type": kind, "label": label, "uuid": uuid}


BLANK = Disk("/dev/vdb")
OURS = Disk("/dev/vdb", signatures=[signature("xfs", "voicehelper")], has_data=True)
FOREIGN = Disk("/dev/vdb", signatures=[signature("ext4", "backup")], has_data=True)
LUKS = Disk("/dev/vdb", encrypt=True, signatures=[signature("crypto_LUKS", "voicehelper")], has_data=True)
MEMBER = Disk("/dev/vdb", signatures=[signature("LVM2_member")], volume_group="voicehelper", has_data=True)


@pytest.mark.parametrize(
    ("disk", "wanted", "state"),
    [
        (BLANK, PLAIN, "blank"),
        (OURS, PLAIN, "ours"),
        (replace(OURS, mounted="mounted at /data"), PLAIN, "ours"),
        (replace(OURS, wipe=True), PLAIN, "ours"),  # an order to wipe that stayed in the inventory does no harm later
        (replace(OURS, wipe=True, made="/etc/made"), PLAIN, "ours"),
        (replace(BLANK, wipe=True, made="/etc/made"), PLAIN, "blank"),
        (replace(FOREIGN, wipe=True), PLAIN, "wipe"),
        (replace(BLANK, wipe=True), PLAIN, "blank"),
        (replace(BLANK, wipe=True, has_data=True), PLAIN, "wipe"),
        (replace(BLANK, encrypt=True), PLAIN, "blank"),
        (LUKS, PLAIN, "ours"),
        (LUKS, JOINED, "ours"),
        (replace(LUKS, holders=["dm-0"]), PLAIN, "ours"),
        (MEMBER, JOINED, "ours"),
    ],
)
def test_what_a_disk_is(disk, wanted, state):
    assert disk_plan.state(disk, wanted) == state


@pytest.mark.parametrize(
    ("disk", "wanted", "words"),
    [
        (replace(BLANK, exists=False), PLAIN, ["no disk /dev/vdb"]),
        (FOREIGN, PLAIN, ["ext4 labelled backup", "/dev/vdb", "wipe: true"]),
        (replace(BLANK, partitions=["vdb1"]), PLAIN, ["partition vdb1", "wipe: true"]),
        (replace(BLANK, has_data=True), PLAIN, ["data without a known signature"]),
        (replace(FOREIGN, wipe=True, mounted="mounted at /srv"), PLAIN, ["in use", "/srv"]),
        (replace(FOREIGN, wipe=True, holders=["md0"]), PLAIN, ["in use", "md0"]),
        (replace(BLANK, mounted="swap"), PLAIN, ["in use", "swap"]),
        (
            replace(OURS, wipe=True, made="/etc/made", signatures=[signature("xfs")]),
            PLAIN,
            ["found xfs", "erases a disk once", "/etc/made"],
        ),
        (replace(BLANK, wipe=True, made="/etc/made", has_data=True), PLAIN, ["data without a known signature", "/etc/made"]),
        (OURS, replace(PLAIN, filesystem="ext4"), ["data_disks_filesystem", "found xfs", "wanted ext4"]),
        (OURS, JOINED, ["xfs labelled voicehelper"]),  # one disk of data does not become a volume group
        (MEMBER, PLAIN, ["LVM2_member"]),  # a disk was taken off the list
        (replace(MEMBER, volume_group="other"), JOINED, ["LVM2_member"]),
        (replace(LUKS, encrypt=False), PLAIN, ["crypto_LUKS"]),  # encryption is not dropped by a word
        (replace(OURS, encrypt=True), PLAIN, ["xfs labelled voicehelper"]),  # nor laid over data
        (replace(LUKS, signatures=[signature("crypto_LUKS", "private")]), PLAIN, ["crypto_LUKS labelled private"]),
    ],
)
def test_what_is_refused_and_why(disk, wanted, words):
    with pytest.raises(Refused) as refusal:
        disk_plan.state(disk, wanted)
    assert all(word in str(refusal.value) for word in ["data_disks_", *words])


def test_inside_our_own_layer_left_over_bytes_do_not_matter_but_signatures_do():
    assert disk_plan.fresh(replace(BLANK, has_data=True), PLAIN) is True
    assert disk_plan.fresh(OURS, PLAIN) is False
    with pytest.raises(Refused, match="ext4 labelled backup inside"):
        disk_plan.fresh(FOREIGN, PLAIN)


@pytest.mark.parametrize(
    ("disks", "has", "words"),
    [
        ([BLANK, Disk("/dev/vdc")], set(), ["/dev/vdb, /dev/vdc", "dm_mod", "one disk", "6.1"]),
        ([replace(BLANK, encrypt=True)], {"dm_mod"}, ["/dev/vdb", "dm_crypt", "encrypt: false"]),
    ],
)
def test_a_kernel_without_device_mapper_is_named(disks, has, words):
    with pytest.raises(Refused) as refusal:
        disk_plan.lacking(disks, "6.1", has)
    assert all(word in str(refusal.value) for word in words)


def test_one_plain_disk_needs_no_device_mapper():
    disk_plan.lacking([BLANK], "6.1", set())


def test_partitions_are_erased_before_their_disk():
    assert disk_plan.erasing(Disk("/dev/vdb", partitions=["vdb1", "vdb2"])) == ["/dev/vdb1", "/dev/vdb2", "/dev/vdb"]


def test_what_a_boot_opens():
    lines = ["# mine", "", "swap /dev/sda3 /dev/urandom swap", "luks-u-1 UUID=u-1 /etc/key luks,nofail"]
    assert disk_plan.opened_at_boot(lines, "u-1")
    assert not disk_plan.opened_at_boot(lines, "u-2") and not disk_plan.opened_at_boot([], "u-1")


def test_steps_tell_all_that_is_made_in_order():
    opened = {"device": "/dev/vdc", "uuid": "u-2", "name": "luks-u-2"}
    plan = Plan(["/dev/vdb"], ["/dev/vdb"], [opened], [], join=True, volume="", format=True)
    assert [step.split()[0] for step in plan.steps(JOINED)] == ["erase", "encrypt", "open", "join", "make"]
    assert plan.steps(JOINED)[3:] == ["join the disks to the volume group voicehelper", "make xfs on the new volume"]
    assert Plan(volume="/dev/vdb").steps(PLAIN) == []


def test_the_mount_goes_by_uuid():
    unit = disk_plan.mount_unit("6d0c-1", replace(PLAIN, options=("noatime", "discard")))
    assert "What=/dev/disk/by-uuid/6d0c-1\nWhere=/data\nType=xfs\nOptions=noatime,discard\n" in unit


@pytest.mark.parametrize(
    ("filesystem", "quotas", "options"), [("xfs", True, "noatime,prjquota"), ("xfs", False, "noatime"), ("ext4", True, "noatime")]
)
def test_quotas_are_asked_for_only_where_they_can_be(filesystem, quotas, options):
    assert ",".join(disk_plan.usable(["noatime", "prjquota"], filesystem, quotas)) == options


def test_udev_sees_the_disk_before_the_mount_waits_for_its_uuid():
    show, start = disk_plan.starting("data.mount", "/dev/vdb")
    assert show == ["udevadm", "trigger", "--settle", "/dev/vdb"]
    assert start == ["systemctl", "start", "data.mount"]


def test_the_kubelet_waits_for_the_data():
    assert "RequiresMountsFor=/data\n" in disk_plan.kubelet_dropin(PLAIN)
