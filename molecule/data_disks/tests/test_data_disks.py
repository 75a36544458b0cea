"""The data volume of a machine, made on a disk that carried something else."""

import time

import pytest

DISK = "/dev/disk/by-id/lab-data"


def blkid(host, tag):
    return host.check_output(f"blkid --probe --match-tag {tag} --output value {DISK}")


def test_the_disk_carries_our_file_system(host):
    assert (blkid(host, "TYPE"), blkid(host, "LABEL")) == ("xfs", "voicehelper")


def test_it_is_mounted_by_uuid_and_at_every_boot(host):
    mount = host.mount_point("/data")
    assert mount.exists and mount.filesystem == "xfs" and "noatime" in mount.options
    assert f"What=/dev/disk/by-uuid/{blkid(host, 'UUID')}" in host.file("/etc/systemd/system/data.mount").content_string
    assert host.service("data.mount").is_enabled


def test_it_comes_back_with_what_is_on_it(host):
    host.check_output("date > /data/kept && systemctl restart data.mount")
    assert host.mount_point("/data").exists
    assert host.file("/data/kept").exists
    host.check_output("rm /data/kept")


@pytest.mark.parametrize("name", ["", "postgres", "redis", "minio", "faiss", "prometheus", "elasticsearch", "local-path"])
def test_directories_belong_to_the_guides_user(host, name):
    directory = host.file(f"/data/{name}")
    assert directory.is_directory
    assert (directory.uid, directory.gid, directory.mode) == (1000, 1000, 0o750)


def test_static_volumes_have_their_directory(host):
    assert host.file("/data/postgres/vol-0").is_directory


def test_the_disk_is_remembered_so_that_it_is_wiped_once(host):
    serial = host.check_output(f"lsblk --nodeps --noheadings --output=SERIAL $(readlink -f {DISK})").strip()
    assert host.file("/etc/voicehelper/data-disks.made").content_string.splitlines() == [serial or DISK]


def test_volumes_are_bounded_where_the_kernel_can(host):
    kernel = host.run("zgrep -qs CONFIG_XFS_QUOTA=y /proc/config.gz || grep -qs CONFIG_XFS_QUOTA=y /boot/config-$(uname -r)")
    mounted = "prjquota" in host.mount_point("/data").options
    assert mounted == (kernel.rc == 0)
    if mounted:
        size = host.check_output("df --output=size --block-size=1G /data/postgres/vol-0").split()[-1]
        assert size == "2"


def test_the_kubelet_waits_for_the_volume(host):
    assert "RequiresMountsFor=/data" in host.file("/etc/systemd/system/kubelet.service.d/10-data.conf").content_string


def is_back(host):
    """Whether the machine answers from another boot; /run is empty then."""
    try:
        return host.run("test ! -e /run/not-rebooted-yet && systemctl is-active local-fs.target").rc == 0
    except RuntimeError:  # no SSH
        return False


def test_it_is_there_again_after_a_reboot(host):
    """Last, as it takes the machine away for a while."""
    host.check_output("date > /data/kept; touch /run/not-rebooted-yet")
    host.check_output("systemd-run --on-active=1 systemctl reboot")
    deadline = time.monotonic() + 90
    while not is_back(host):
        assert time.monotonic() < deadline, "the machine did not come back"
        time.sleep(2)
    assert host.mount_point("/data").exists
    host.check_output("cat /data/kept && rm /data/kept")
