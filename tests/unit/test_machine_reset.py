"""A machine on its way back: what goes, what is put back, what stays, and that it can be interrupted anywhere."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils.node import disk_plan, file_bundle, machine_kernel, machine_reset, machine_state, units
from ansible.module_utils.node.machine_reset import Reset
from ansible.module_utils.node.machine_state import Note, Refused
from ansible.module_utils.node.node_steps import Node

UNIT = "/etc/systemd/system/kubelet.service"
FILES = [
    {"path": UNIT, "restarts": "kubelet.service"},
    {"path": "/etc/kubernetes", "restarts": ""},
    {"path": "/etc/chrony/chrony.conf", "restarts": "chrony.service"},
    {"path": "/etc/systemd/journald.conf.d/90-voicehelper.conf", "restarts": "systemd-journald.service"},
    {"path": "/var/lib/kubelet", "restarts": ""},
]
HOSTS = "127.0.0.1 localhost\n# BEGIN voicehelper nodes\n10.0.0.11 cp-1\n# END voicehelper nodes\n10.0.0.99 nas\n"


class Machine:
    """Files below a directory, and programs that only write down how they were called."""

    def __init__(self, root: Path) -> None:
        self.root, self.calls, self.dies, self.mounted = root, [], "", []
        self.units = {"kubelet.service": ("active", "enabled")}

    def write(self, path: str, text: str = "") -> Path:
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place

    def exists(self, path: str) -> bool:
        return os.path.lexists(self.root / path.lstrip("/"))

    def run_command(self, command: list[str]):
        line = " ".join(command)
        if line.startswith("systemctl show"):
            states = [self.units.get(name, ("inactive", "")) for name in command[3:]]
            return 0, "\n\n".join(f"ActiveState={a}\nUnitFileState={f}\nNeedDaemonReload=no\nMainPID=0" for a, f in states), ""
        self.calls.append(line)
        if self.dies and self.dies in line:
            raise KeyboardInterrupt
        verb, name = command[1], command[-1]
        if verb in ("disable", "stop") and name in self.units:
            active, enabled = self.units[name]
            self.units[name] = (active, "disabled") if verb == "disable" else ("inactive", enabled)
        if command[0] == "umount" and self.exists("/busy"):
            return 32, "", "target is busy\n"
        return (1, "", "bad line 3") if command[0] == "sshd" and self.exists("/etc/ssh/bad") else (0, "", "")

    def reset(self, before=None, check=False, files=FILES, **more) -> Reset:
        params = {"name": "voicehelper", "files": files, "packages": [], "displaced": [], "address": "10.0.0.10", "storage": "/data"}
        params |= {
            "table": "inet voicehelper",
            "units": [],
            "directories": [],
            "devices": [],
            "key": "/etc/voicehelper/data-disks.key",
        } | more
        return Reset(Node(SimpleNamespace(check_mode=check, run_command=self.run_command)), params, Note(before))


@pytest.fixture
def machine(tmp_path, monkeypatch):
    root = tmp_path / "machine"
    root.mkdir()
    here = Machine(root)
    for module in (machine_state, machine_reset):
        monkeypatch.setattr(module, "ROOT", root)
    monkeypatch.setattr(machine_reset, "ARTIFACTS", root / "var/lib/voicehelper/artifacts")
    monkeypatch.setattr(machine_reset, "MARKS", root / "run/voicehelper")
    monkeypatch.setattr(machine_state, "NOTE", root / "var/lib/voicehelper/before.json.gz")
    monkeypatch.setattr(units, "MARKS", root / "run/voicehelper/pending")
    monkeypatch.setattr(machine_state, "mounts", lambda: [(path, "xfs") for path in here.mounted])
    monkeypatch.setattr(machine_reset, "output_lines", lambda *command: [])
    monkeypatch.setattr(machine_reset, "packaged", lambda path: path.startswith("/etc/chrony"))
    monkeypatch.setattr(machine_state, "packet_filter", list)
    monkeypatch.setattr(machine_state, "unit_files", dict)
    monkeypatch.setattr(machine_reset, "write", lambda path, want: path.write_bytes(want["content"]))
    return here


def test_units_are_stopped_and_what_they_read_goes(machine):
    machine.write(UNIT)
    machine.write("/etc/kubernetes/pki/ca.crt")
    machine.write("/var/lib/kubelet/config.yaml")
    reset = machine.reset({"files": {"/etc/systemd/system": ""}})
    reset.stop(reset.units())
    reset.files()
    assert machine.calls == ["systemctl disable kubelet.service", "systemctl stop kubelet.service", "systemctl daemon-reload"]
    assert not any(map(machine.exists, (UNIT, "/etc/kubernetes", "/var/lib/kubelet")))
    again = machine.reset({"files": {"/etc/systemd/system": ""}})
    again.files()
    assert again.node.steps == []


def test_a_check_tells_the_same_and_does_none_of_it(machine):
    machine.write(UNIT)
    machine.write("/etc/hosts", HOSTS)
    reset = machine.reset({"files": {"/etc/hosts": ""}}, check=True)
    reset.stop(reset.units())
    reset.files()
    assert reset.node.steps[:4] == [
        "systemctl disable kubelet.service",
        "systemctl stop kubelet.service",
        "write /etc/hosts",
        f"remove {UNIT}",
    ]
    assert machine.calls == [] and machine.exists(UNIT) and not machine.exists("/run/voicehelper")


def test_what_was_there_before_stays_and_is_put_back(machine):
    machine.write("/etc/chrony/chrony.conf", "ours\n")
    machine.write("/etc/kubernetes/theirs", "theirs\n")
    machine.write("/etc/kubernetes/ours", "ours\n")
    names = ("/etc/chrony/chrony.conf", "/etc/kubernetes", "/etc/kubernetes/theirs")
    before = {"files": dict.fromkeys(names, ""), "units": {"chrony.service": "enabled"}}
    before["contents"] = {"/etc/chrony/chrony.conf": base64.b64encode(b"the site's\n").decode()}
    machine.reset(before).files()
    assert (machine.root / "etc/chrony/chrony.conf").read_text() == "the site's\n"
    assert machine.exists("/etc/kubernetes/theirs") and not machine.exists("/etc/kubernetes/ours")
    assert "systemctl try-restart chrony.service" in machine.calls


def test_cni_of_others_that_cilium_set_aside_has_its_name_back(machine):
    files = [*FILES, {"path": "/etc/cni", "restarts": ""}]
    for name in ("87-podman.conflist.cilium_bak", "05-cilium.conflist"):
        machine.write(f"/etc/cni/net.d/{name}")
    machine.reset({"files": dict.fromkeys(["/etc/cni", "/etc/cni/net.d", "/etc/cni/net.d/87-podman.conflist"], "")}, files=files).files()
    assert [path.name for path in (machine.root / "etc/cni/net.d").iterdir()] == ["87-podman.conflist"]


def test_a_folder_that_was_there_is_emptied_as_what_is_in_it_was_not_looked_at(machine):
    machine.write("/var/lib/kubelet/pods/1/x")
    machine.reset({"folders": {"/var/lib/kubelet": ""}}).files()
    assert machine.exists("/var/lib/kubelet") and not machine.exists("/var/lib/kubelet/pods")


def test_without_a_note_a_package_s_own_file_stays(machine):
    machine.write("/etc/chrony/chrony.conf", "ours\n")
    machine.write(UNIT)
    machine.reset(None).files()
    assert machine.exists("/etc/chrony/chrony.conf") and not machine.exists(UNIT)


def test_a_mount_is_never_crossed(machine):
    machine.write("/var/lib/kubelet/pods/1/volumes/data/precious")
    machine.mounted = ["/var/lib/kubelet/pods/1/volumes/data"]
    with pytest.raises(Refused, match="/var/lib/kubelet: found /var/lib/kubelet/pods/1/volumes/data mounted there, wanted nothing"):
        machine.reset({}).files()
    assert machine.exists("/var/lib/kubelet/pods/1/volumes/data/precious")


SLEEPERS = {"exec sleep 60": -15, "trap '' TERM; while :; do sleep 1; done": -9}


def test_processes_of_pods_are_asked_to_end_and_killed_if_they_do_not(monkeypatch):
    pods = [subprocess.Popen(["sh", "-c", script]) for script in SLEEPERS]
    time.sleep(0.3)  # until the trap is set
    monkeypatch.setattr(machine_reset, "processes", lambda shims=True: [pod.pid for pod in pods if pod.poll() is None])
    monkeypatch.setattr(machine_reset, "ENDING", 1)
    machine_reset.end()
    assert [pod.poll() for pod in pods] == list(SLEEPERS.values())


def test_a_process_that_cannot_be_killed_is_named(monkeypatch):
    monkeypatch.setattr(machine_reset, "processes", lambda shims=True: [2**22 + 1])
    monkeypatch.setattr(machine_reset, "ENDING", 0)
    monkeypatch.setattr(machine_reset, "DYING", 0)
    with pytest.raises(Refused, match="processes 4194305: found there 0 s after they were killed, wanted none: restart the machine"):
        machine_reset.end()


def test_who_reads_a_file_takes_it_over_though_a_run_died_in_between(machine):
    machine.write("/etc/systemd/journald.conf.d/90-voicehelper.conf")
    before = {"files": {"/etc/systemd/journald.conf.d": ""}, "units": {"systemd-journald.service": "static"}}
    machine.dies = "try-restart"
    with pytest.raises(KeyboardInterrupt):
        machine.reset(before).files()
    machine.dies, machine.calls = "", []
    machine.reset(before).files()
    assert machine.calls == ["systemctl try-restart systemd-journald.service"]
    machine.calls = []
    machine.reset(before).files()
    assert machine.calls == []


def test_lines_of_others_in_a_shared_file_stay(machine):
    hosts = machine.write("/etc/hosts", HOSTS)
    fstab = machine.write("/etc/fstab", "/dev/vda1 / ext4\n# /dev/vda2 none swap sw 0 0\n# /dev/old none swap sw 0 0\n")
    crypttab = machine.write("/etc/crypttab", "luks-1 UUID=1 /etc/voicehelper/data-disks.key luks\nhome UUID=2 none luks\n")
    contents = {"/etc/fstab": base64.b64encode(b"/dev/vda1 / ext4\n/dev/vda2 none swap sw 0 0\n# /dev/old none swap sw 0 0\n").decode()}
    machine.reset({"files": {"/etc/hosts": "", "/etc/fstab": ""}, "contents": contents}).files()
    assert hosts.read_text() == "127.0.0.1 localhost\n10.0.0.99 nas\n"
    assert fstab.read_text() == "/dev/vda1 / ext4\n/dev/vda2 none swap sw 0 0\n# /dev/old none swap sw 0 0\n"
    assert crypttab.read_text() == "home UUID=2 none luks\n"


def test_volumes_below_the_data_are_closed_and_what_the_site_opens_is_not(machine):
    machine.write("/etc/crypttab", "luks-1 UUID=1 /etc/voicehelper/data-disks.key luks\nhome UUID=2 none luks\n")
    for path in ("/dev/voicehelper/data", "/dev/mapper/luks-1", "/dev/mapper/home"):
        machine.write(path)
    machine.reset({"files": {"/etc/crypttab": ""}}).release()
    assert machine.calls == ["vgchange --activate n voicehelper", "cryptsetup close luks-1"]


def test_name_swap_and_kernel_settings_are_as_they_were(machine, monkeypatch):
    forward = machine.write("/proc/sys/net/ipv4/ip_forward", "1\n")
    ports = machine.write("/proc/sys/net/ipv4/ip_local_reserved_ports", "30000-32767\n")
    machine.write("/proc/sys/net/core/somaxconn", "4096\n")
    monkeypatch.setattr(machine_state, "hostname", lambda: {"worker-1": ""})
    monkeypatch.setattr(machine_state, "swap", lambda: {"/dev/zram0": ""})
    settings = {"net.ipv4.ip_forward": "0", "net.ipv4.ip_local_reserved_ports": "", "net.core.somaxconn": "4096", "vm.gone": "1"}
    reset = machine.reset({"hostname": {"bare": ""}, "swap": {"/dev/vda2": ""}, "settings": settings})
    reset.put_back()
    assert machine.calls == ["hostnamectl set-hostname bare", "swapon --all"]
    assert (forward.read_text(), ports.read_text()) == ("0\n", "\n")
    assert [step for step in reset.node.steps if step.startswith("set ")] == [
        "set net.ipv4.ip_forward to 0",
        "set net.ipv4.ip_local_reserved_ports to ",
    ]


def test_a_file_that_only_we_had_lines_in_goes(machine):
    machine.write("/etc/crypttab", "luks-1 UUID=1 /etc/voicehelper/data-disks.key luks\n")
    machine.reset({}).files()
    assert not machine.exists("/etc/crypttab")


def test_units_of_others_are_masked_and_disabled_again_where_they_were(machine, monkeypatch):
    now = {"apt-daily.timer": "enabled", "chrony.service": "enabled", "x.timer": "enabled"}
    monkeypatch.setattr(machine_state, "unit_files", lambda: now)
    before = {"apt-daily.timer": "masked", "chrony.service": "enabled", "x.timer": "disabled"}
    machine.reset({"units": before}, units=["apt-daily.timer", "chrony.service"]).put_back()
    assert machine.calls == ["systemctl mask --now apt-daily.timer"]


def test_folders_that_were_made_for_a_file_go_with_it(machine):
    machine.write("/etc/systemd/journald.conf.d/90-voicehelper.conf")
    (machine.root / "etc/systemd/system/sysinit.target.wants").mkdir(parents=True)
    machine.reset({"files": {"/etc/systemd": "", "/etc/systemd/system": ""}}).files()
    assert not machine.exists("/etc/systemd/journald.conf.d") and not machine.exists("/etc/systemd/system/sysinit.target.wants")
    assert machine.exists("/etc/systemd/system")


SSHD = [{"path": "/etc/ssh/sshd_config.d/10-voicehelper.conf", "restarts": ""}]


def test_the_ssh_server_is_not_given_settings_that_it_refuses(machine):
    place = machine.write(SSHD[0]["path"], "MaxAuthTries 4\n")
    machine.write("/etc/ssh/bad")
    with pytest.raises(Refused, match=r"10-voicehelper\.conf: sshd refuses what is left without it, so it is back: found bad line 3"):
        machine.reset({}, files=SSHD).access()
    assert place.read_text() == "MaxAuthTries 4\n" and machine.calls == ["sshd -t"]


def test_the_ssh_server_reads_what_is_left_though_a_run_died_in_between(machine, monkeypatch):
    monkeypatch.setattr(machine_reset, "output_lines", lambda *command: ["active"] if command[-1] == "ssh.service" else [])
    machine.write(SSHD[0]["path"])
    machine.dies = "reload ssh"
    with pytest.raises(KeyboardInterrupt):
        machine.reset({}, files=SSHD).access()
    machine.dies, machine.calls = "", []
    machine.reset({}, files=SSHD).access()
    assert machine.calls == ["systemctl reload ssh.service"]


@pytest.mark.parametrize(
    ("disk", "foreign"),
    [
        ({"signatures": [{"type": "xfs", "label": "voicehelper", "uuid": "1"}]}, ""),
        ({"signatures": [{"type": "crypto_LUKS", "label": "voicehelper", "uuid": "1"}]}, ""),
        ({"signatures": [{"type": "LVM2_member", "label": "", "uuid": "1"}], "volume_group": "voicehelper"}, ""),
        ({"signatures": []}, ""),
        ({"signatures": [{"type": "LVM2_member", "label": "", "uuid": "1"}], "volume_group": "vg0"}, "LVM2_member"),
        ({"signatures": [{"type": "ext4", "label": "backup", "uuid": "1"}]}, "ext4 backup"),
        (
            {"signatures": [{"type": "xfs", "label": "voicehelper", "uuid": "1"}], "mounted": "mounted at /data"},
            "it in use (mounted at /data)",
        ),
        ({"exists": False}, "no such disk"),
    ],
)
def test_only_a_disk_of_ours_is_erased(machine, monkeypatch, disk, foreign):
    monkeypatch.setattr(machine_reset.disk_facts, "inspect", lambda device: disk_plan.Disk(device, **disk))
    reset = machine.reset({}, devices=["/dev/vdb", "/dev/vdc"])
    if foreign:
        with pytest.raises(Refused, match=r"/dev/vdb: found .*, wanted the volume voicehelper, unmounted; no disk was erased") as refused:
            reset.wipe()
        assert foreign in str(refused.value) and machine.calls == []
    else:
        reset.wipe()
        assert machine.calls == [f"wipefs --all --force {name}" for name in ("/dev/vdb", "/dev/vdc") if disk["signatures"]]


def test_of_a_directory_only_what_the_platform_made_in_it_is_erased(machine):
    machine.write("/data/minio/vol-0/x")
    machine.write("/data/theirs")
    machine.reset({}, directories=["minio", "redis"]).wipe()
    assert not machine.exists("/data/minio") and machine.exists("/data/theirs")


STATUS = {"chrony": "libc6, libcap2", "libcap2": "libc6", "libc6": "", "socat": "libc6", "theirs": "socat (>= 1)"}


@pytest.fixture
def dpkg(monkeypatch):
    """Packages that are installed; those that no other needs are what apt would remove."""

    def programs(*command):
        line = " ".join(command)
        if "autoremove" in line:
            return ["Remv chrony [1]", "Remv libcap2 [1]", "Remv old-kernel [1]"]
        if "Depends" in line:
            return [f"{name}|, {needs}" for name, needs in STATUS.items()]
        return list(STATUS) if command == ("apt-mark", "showmanual") else ["ii "]

    monkeypatch.setattr(machine_reset, "output_lines", programs)
    monkeypatch.setattr(machine_reset, "packages", lambda: list(STATUS))


def test_packages_that_came_by_us_go_with_what_came_along_unless_others_need_them(machine, dpkg):
    before = {"packages": dict.fromkeys(["libc6", "old-kernel", "systemd-timesyncd"], "")}
    machine.reset(before, packages=["chrony", "socat", "libc6"], displaced=["systemd-timesyncd"]).packages()
    mark, purge, install = machine.calls
    assert mark == "apt-mark auto chrony socat"
    assert purge.endswith(" purge chrony libcap2")  # socat is needed by a package of the site, old-kernel was there before
    assert install.endswith(" install --no-install-recommends systemd-timesyncd")


def test_without_a_note_packages_stay(machine, dpkg):
    machine.reset(None, packages=["chrony"]).packages()
    assert machine.calls == []


def test_what_dpkg_was_at_when_a_run_died_is_finished_first(machine, monkeypatch):
    monkeypatch.setattr(machine_reset, "output_lines", lambda *command: ["ii ", "pH "] if "Abbrev" in " ".join(command) else [])
    monkeypatch.setattr(machine_reset, "packages", list)
    machine.reset({}).packages()
    assert machine.calls == ["dpkg --configure --pending", "dpkg --purge --pending"]


def ruleset(*chains, rules=(), table="filter"):
    """A table of iptables as nft lists it: chains as (name, hook), rules as (chain, target)."""
    base = {"family": "ip", "table": table}
    return [
        *({"chain": {**base, "name": name, **({"hook": hook} if hook else {})}} for name, hook in chains),
        *({"rule": {**base, "chain": chain, "handle": 7, "expr": [{"jump": {"target": to}}]}} for chain, to in rules),
    ]


def test_a_table_that_came_for_the_chains_of_pods_goes_with_them():
    listing = ruleset(("INPUT", "input"), ("CILIUM_INPUT", ""), rules=[("INPUT", "CILIUM_INPUT"), ("CILIUM_INPUT", "x")])
    assert machine_kernel.unfiltering(listing, lambda _: False) == ["delete table ip filter"]
    assert machine_kernel.unfiltering(listing, lambda _: True) == [
        "delete rule ip filter INPUT handle 7",
        "flush chain ip filter CILIUM_INPUT",
        "delete chain ip filter CILIUM_INPUT",
    ]


def test_chains_and_rules_of_others_stay():
    chains = [("FORWARD", "forward"), ("DOCKER-USER", ""), ("KUBE-FIREWALL", ""), ("OLD_CILIUM_FORWARD", "")]
    listing = ruleset(*chains, rules=[("FORWARD", "DOCKER-USER"), ("FORWARD", "KUBE-FIREWALL")])
    commands = machine_kernel.unfiltering(listing, lambda _: False)
    assert commands == [
        "delete rule ip filter FORWARD handle 7",
        *(f"{verb} chain ip filter {name}" for verb in ("flush", "delete") for name in ("KUBE-FIREWALL", "OLD_CILIUM_FORWARD")),
    ]
    assert machine_kernel.unfiltering(ruleset(("DOCKER", "")), lambda _: False) == []


def test_the_kernel_s_own_rule_is_back_before_the_moved_one_goes(machine, monkeypatch):
    moved = [{"priority": 9, "src": "all", "fwmark": "0x200", "table": "2004"}, {"priority": 100, "src": "all", "table": "local"}]
    rest = [{"priority": 32766, "src": "all", "table": "main"}]
    monkeypatch.setattr(machine_state, "rules", lambda family: moved + rest if family == "-4" else [{"priority": 0, "table": "local"}])
    monkeypatch.setattr(
        machine_state, "routes", lambda family: [{"dst": "default"}, {"dst": "default", "table": "2004"}][: 2 if family == "-4" else 1]
    )
    machine_kernel.unroute(machine.reset({}).node, Note({}))
    assert machine.calls == [
        "ip -4 rule add priority 0 lookup local",
        "ip -4 rule delete priority 9 lookup 2004",
        "ip -4 rule delete priority 100 lookup local",
        "ip -4 route flush table 2004",
    ]


def test_mounts_are_undone_from_the_last_on_and_those_of_the_site_stay(machine):
    machine.mounted = ["/", "/var/lib/kubelet", "/var/lib/kubelet/pods/1", "/var/lib/kubelet/pods/1/x", "/data"]
    for before in ({"mounts": {"/var/lib/kubelet": "xfs"}}, None):
        machine.calls = []
        reset = machine.reset(before)
        machine_kernel.unmount(reset.node, reset.before, ["/var/lib/kubelet"])
        assert machine.calls == ["umount /var/lib/kubelet/pods/1/x", "umount /var/lib/kubelet/pods/1"]


def test_what_is_in_use_is_named_with_the_way_round(machine):
    machine.mounted = ["/var/lib/kubelet/pods/1"]
    machine.write("/busy")
    with pytest.raises(
        Refused, match=r"/var/lib/kubelet/pods/1: found it in use \(target is busy\), wanted it unmounted: end what fuser -vm"
    ):
        machine_kernel.unmount(machine.reset({}).node, Note({}), ["/var/lib/kubelet"])


def test_where_nothing_can_remove_a_chain_the_way_round_is_told(machine, monkeypatch):
    monkeypatch.setattr(machine_state, "packet_filter", lambda: ["ip filter CILIUM_INPUT"])
    monkeypatch.setattr(machine_kernel, "output_lines", lambda *command: [])
    with pytest.raises(Refused, match=r"packet filter: found ip filter CILIUM_INPUT and no nft .* restart the machine"):
        machine_kernel.unfilter(machine.reset({}).node, Note({}))


def test_the_note_goes_last_with_all_that_runs_have_noted(machine):
    machine.write("/var/lib/voicehelper/before.json.gz")
    machine.write("/run/voicehelper/pending/x")
    machine.reset({}).end()
    assert not machine.exists("/var/lib/voicehelper") and not machine.exists("/run/voicehelper")
    assert file_bundle.current(machine.root / "var/lib/voicehelper/before.json.gz") is None
