"""What preflight refuses about one machine and about all of them, from what the probe saw."""

from __future__ import annotations

import copy

import pytest

from bootstrap.validators import fleet, machines
from bootstrap.validators.findings import Finding, headline, report, tolerate

PROBE = {
    "hostname": "worker-1",
    "machine_id": "a" * 32,
    "interface": {"name": "eth0", "mac": "02:00:00:00:00:01"},
    "distribution": {"id": "debian", "version": "13"},
    "architecture": "x86_64",
    "kernel": {"release": "6.12.1-amd64", "cgroup": 2, "features": {"overlay": True, "bpf": True}, "wireguard": True},
    "cpus": 8,
    "memory_gib": 15.6,
    "disks": [{"name": "sda", "gib": 100.0, "kind": "ssd"}, {"name": "sdb", "gib": 100.0, "kind": "ssd"}],
    "refused_disks": [],
    "ready_units": ["chrony.service"],
    "swap": {"active": [], "fstab": False},
    "taken_ports": {},
    "resolvers": ["10.0.0.2", "fd00::53"],
    "unreached": {"names": {}, "peers": {}, "urls": {}},
    "clock_offset": 0.4,
    "fsync_p99_ms": 2.5,
    "kubernetes": {"joined": False, "api_server": "", "kubelet": ""},
}
WANTED = {"cpu": 8, "memory_gib": 16, "disk_gib": 200, "disk_type": "ssd"}
LIMITS = {"clock_seconds": 10, "fsync_warning_ms": 10, "fsync_error_ms": 100}


def probe(**changes):
    """What a good machine shows, changed by the keywords (a dict is merged)."""
    seen = copy.deepcopy(PROBE)
    for name, value in changes.items():
        seen[name] = {**seen[name], **value} if isinstance(value, dict) and isinstance(seen[name], dict) else value
    return seen


def judge(wanted="1.36.4", pod_encryption="wireguard", **changes):
    """All findings about a machine that shows these changes; `wanted` is a version."""
    return machines.validate(machines.Machine("worker-1", "worker", probe(**changes), WANTED, wanted, LIMITS, pod_encryption))


def only(findings):
    """The single finding there must be."""
    assert len(findings) == 1, findings
    return findings[0]


def test_a_good_machine_has_no_finding():
    assert judge() == []


def test_a_kernel_without_wireguard_is_refused_where_the_site_encrypts():
    lacking = {"kernel": {"wireguard": False}}
    assert only(judge(**lacking)).check == "pod_encryption"
    assert judge(pod_encryption="none", **lacking) == []


@pytest.mark.parametrize(
    ("changes", "what", "found", "check"),
    [
        ({"cpus": 4}, "cpu", "4", "cpu"),
        ({"memory_gib": 7.7}, "memory", "7.7 GiB", "memory"),
        ({"disks": [{"name": "sda", "gib": 93.1, "kind": "ssd"}]}, "disk", "93 GiB in 1 disks", "disk_size"),
        ({"disks": [{"name": "sda", "gib": 200.0, "kind": "hdd"}]}, "disk type", "sda is hdd", "disk_type"),
    ],
)
def test_a_machine_too_small_for_its_size_class_is_refused(changes, what, found, check):
    finding = only(judge(**changes))
    assert (finding.what, finding.found, finding.check, finding.fatal) == (what, found, check, True)
    assert "for a worker" in finding.wanted


def test_what_firmware_keeps_of_the_memory_is_forgiven():
    assert judge(memory_gib=14.9) == []


def test_a_disk_behind_a_hypervisor_has_no_type_to_judge():
    assert judge(disks=[{"name": "vda", "gib": 200.0, "kind": "virtual"}]) == []


@pytest.mark.parametrize(("version", "fatal"), [("11", True), ("14", True)])
def test_another_debian_is_refused(version, fatal):
    finding = only(judge(distribution={"id": "debian", "version": version}))
    assert (finding.found, finding.fatal) == (f"debian {version}", fatal)


@pytest.mark.parametrize(("name", "version"), [("ubuntu", "24.04"), ("rocky", "9.6"), ("almalinux", "9.4")])
def test_systems_that_nobody_tried_pass_with_a_word(name, version):
    assert not only(judge(distribution={"id": name, "version": version})).fatal


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"architecture": "riscv64"}, "architecture"),
        ({"kernel": {"release": "5.4.0-generic"}}, "kernel"),
        ({"kernel": {"cgroup": 1}}, "cgroup"),
        ({"kernel": {"features": {"overlay": False}}}, "kernel"),
    ],
)
def test_a_machine_that_cannot_run_it_is_refused(changes, what):
    assert only(judge(**changes)).what == what


def test_a_disk_that_would_be_refused_is_refused_now():
    refusal = "data_disks_devices: found ext4 labelled srv on /dev/sdb, wanted a blank disk; write wipe: true"
    finding = only(judge(refused_disks=[refusal]))
    assert (finding.what, finding.check) == ("data_disks_devices", "disk")
    assert (finding.found, finding.wanted) == ("ext4 labelled srv on /dev/sdb", "a blank disk; write wipe: true")


def test_a_port_that_is_held_names_its_holder():
    finding = only(judge(taken_ports={"6443/tcp": "nginx"}))
    assert (finding.what, finding.found) == ("port 6443/tcp", "held by nginx")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.53", "::1"])
def test_a_resolver_that_only_the_machine_itself_reaches_is_refused(address):
    finding = only(judge(resolvers=["10.0.0.2", address]))
    assert (finding.what, finding.found, finding.check, finding.fatal) == ("resolver", address, "resolver", True)


def test_what_cannot_be_reached_is_named():
    unreached = {"names": {"mirror.example": "Name or service not known"}, "urls": {"http://mirror.example": "timed out"}}
    assert {finding.check for finding in judge(unreached=unreached)} == {"dns", "artifacts"}


@pytest.mark.parametrize(("offset", "count"), [(9.0, 0), (11.0, 1), (-11.0, 1)])
def test_a_clock_apart_is_refused(offset, count):
    assert len(judge(clock_offset=offset)) == count


@pytest.mark.parametrize(("milliseconds", "fatal"), [(25.0, False), (250.0, True)])
def test_a_slow_disk_below_etcd_is_a_warning_then_refused(milliseconds, fatal):
    finding = only(judge(fsync_p99_ms=milliseconds))
    assert (finding.what, finding.fatal) == ("etcd disk", fatal)


def test_a_disk_that_was_not_timed_passes():
    assert judge(fsync_p99_ms=None) == []


def test_swap_is_worth_a_word_only():
    assert not only(judge(swap={"active": ["/dev/sda2"]})).fatal


def test_another_packet_filter_is_worth_a_word():
    finding = only(judge(ready_units=["ssh.service", "ufw.service"]))
    assert (finding.found, finding.fatal) == ("ufw.service is active", False)


def test_an_address_on_no_interface_is_refused():
    seen = {**probe(), "interface": {}}
    finding = only(machines.validate(machines.Machine("worker-1", "worker", seen, WANTED, "1.36.4", LIMITS, "none")))
    assert (finding.what, finding.found) == ("ansible_host", "on no interface")


def test_an_empty_machine_id_is_refused():
    assert only(judge(machine_id="")).what == "machine-id"


@pytest.mark.parametrize(
    ("running", "wanted", "text"),
    [
        ({"api_server": "1.36.4"}, "1.36.3", "at most 1.36.3"),
        ({"api_server": "1.36.4"}, "1.35.8", "at most 1.35.8"),
        ({"api_server": "1.34.2"}, "1.36.4", "at most 1.35 in one step"),
        ({"kubelet": "1.32.1", "joined": True}, "1.36.4", "at most 1.35 in one step"),
    ],
)
def test_a_downgrade_and_a_skipped_minor_are_refused(running, wanted, text):
    finding = only(judge(wanted=wanted, kubernetes=running))
    assert (finding.check, finding.wanted) == ("version", text)


@pytest.mark.parametrize(
    ("running", "wanted"),
    [
        ({"api_server": "1.36.4"}, "1.36.4"),
        ({"api_server": "1.35.8", "kubelet": "1.35.8", "joined": True}, "1.36.4"),
        ({"kubelet": "1.30.0", "joined": False}, "1.36.4"),
        ({"kubelet": "1.34.0", "joined": True}, "1.36.4"),
    ],
)
def test_one_step_up_passes(running, wanted):
    assert judge(wanted=wanted, kubernetes=running) == []


def two(**second):
    """Two good machines, the second changed."""
    other = probe(machine_id="b" * 32, interface={"mac": "02:00:00:00:00:02"}, hostname="worker-2")
    other.update(second)
    return {"worker-1": probe(), "worker-2": other}


def test_machines_that_differ_pass():
    assert fleet.validate(["worker-1", "worker-2"], two()) == []


@pytest.mark.parametrize(
    ("second", "what", "fatal"),
    [
        ({"machine_id": "a" * 32}, "machine-id", True),
        ({"interface": {"mac": "02:00:00:00:00:01"}}, "MAC address", True),
        ({"hostname": "worker-1"}, "host name", False),
    ],
)
def test_what_two_machines_share_names_both(second, what, fatal):
    finding = only(fleet.validate(["worker-1", "worker-2"], two(**second)))
    assert (finding.host, finding.what, finding.fatal) == ("worker-2", what, fatal)
    assert finding.found.endswith("as on worker-1")


def test_a_peer_out_of_reach_is_refused():
    broken = two(unreached={"names": {}, "urls": {}, "peers": {"worker-1": "timed out"}})
    finding = only(fleet.validate(["worker-1", "worker-2"], broken))
    assert (finding.host, finding.what, finding.found) == ("worker-2", "way to worker-1", "timed out")


def test_a_dead_machine_is_named_once_and_the_run_goes_on():
    seen = two(unreached={"names": {}, "urls": {}, "peers": {"dead": "timed out"}})
    finding = only(fleet.validate(["worker-1", "worker-2", "dead"], seen))
    assert (finding.host, finding.found, finding.fatal) == ("dead", "no answer", False)


def test_a_tolerated_rule_is_silent():
    assert tolerate(judge(cpus=1), ["cpu"]) == []


def test_the_table_is_aligned_and_says_everything():
    findings = [Finding("worker-1", "cpu", "4", "8", "Use a bigger machine", "cpu"), Finding("a", "b", "c", "d", fatal=False)]
    fatal, warnings = report(findings).split("\n\n")
    _, heading, _, row = fatal.splitlines()
    assert [row.index(cell) for cell in ("cpu", "4", "8.")] == [heading.index(title) for title in ("what", "found", "wanted")]
    assert row.endswith("8. Use a bigger machine [cpu]")
    assert warnings.startswith("To know (the run goes on):")


def test_the_headline_counts():
    findings = [Finding("a", "b", "c", "d"), Finding("a", "b", "c", "d", fatal=False)]
    assert headline(findings, "preflight") == "preflight: 1 to mend, 1 to know"
    assert headline([], "preflight") == "preflight: nothing to mend"
