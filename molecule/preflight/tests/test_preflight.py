"""Preflight looks and changes nothing."""


def test_nothing_is_installed_or_written(host):
    assert not host.package("chrony").is_installed
    assert not host.file("/etc/voicehelper").exists
    assert host.check_output("find /etc -type f -newer /etc/ld.so.cache") == ""
    assert host.check_output("ls -A /data 2>/dev/null || true") == ""


def test_the_timed_disk_of_etcd_is_left_empty(host):
    assert host.check_output("ls -A /var/lib/etcd") == ""
