"""The data volume of a machine, made on a disk that carried something else."""

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


def test_the_kubelet_waits_for_the_volume(host):
    assert "RequiresMountsFor=/data" in host.file("/etc/systemd/system/kubelet.service.d/10-data.conf").content_string
