"""Snapshots of etcd: the timer waits, and the service makes one that can be restored."""

import pytest
from reach import hosts

testinfra_hosts = hosts("control_plane")
FOLDER = "/var/lib/etcd-snapshots"


@pytest.fixture(scope="module")
def snapshot(host):
    """The snapshot that one run of the service leaves."""
    assert host.run("systemctl start etcd-snapshot.service").succeeded
    newest = host.check_output(f"sh -c 'ls -1t {FOLDER}/etcd-*.db | head -1'")
    assert int(host.check_output("date +%s")) - int(host.check_output(f"stat -c %Y {newest}")) < 120
    return newest


def test_the_timer_waits_for_its_hour(host):
    assert host.check_output("systemctl is-active etcd-snapshot.timer") == "active"
    assert host.check_output("systemctl show --property=NextElapseUSecRealtime --value etcd-snapshot.timer")


def test_only_root_reads_it(host, snapshot):
    assert host.file(snapshot).mode == 0o600
    assert host.file(FOLDER).mode == 0o700


def test_it_restores(host, snapshot):
    target = "/var/tmp/etcd-restored"
    try:
        restored = host.run(f"/usr/local/bin/etcdutl snapshot restore {snapshot} --data-dir {target}")
        assert restored.succeeded, restored.stderr
        assert host.file(f"{target}/member/snap/db").size > 1 << 20
    finally:
        host.run(f"rm -rf {target}")


def test_nothing_half_made_is_left(host, snapshot):
    assert host.check_output(f"sh -c 'ls -A {FOLDER} | grep -v ^etcd-.*db$ || true'") == ""
