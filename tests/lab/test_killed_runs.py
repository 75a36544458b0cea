"""Runs that are killed at any task: the next one ends where an unbroken run does, and a further one changes nothing.

What is compared is read from what runs (processes, kernel, loaded rules and timers) as well as from files. `KILL_SEEDS=3,7` names seeds.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Iterator

import pytest

from tests import nodes, stages
from tests.chaos.operations import killed

pytestmark = pytest.mark.long

SEEDS = [int(seed) for seed in os.environ.get("KILL_SEEDS", ",".join(map(str, range(20)))).split(",")]
FIRST_RUNS = 16  # seeds from here on begin with blank machines
SECONDS = 900
PART = ["--tags=provision,storage,kubernetes"]

# Another value for one thing of each kind that a run brings onto a machine; none of them does anything to the systems.
CHANGED = {
    "base_sysctl": {"net.core.somaxconn": 32769},
    "base_journal_max": "1G",
    "time_sync_servers": ["10.90.0.2"],
    "firewall_rules_extra": [{"name": "killed", "tcp": [4711], "from": ["@nodes"]}],
    "containerd_max_concurrent_downloads": 5,
    "kubelet_max_pods": 111,
    "kubeadm_audit_max_age_days": 31,
    "etcd_snapshot_on_calendar": "*-*-* 01/6:00:00",
    "certificate_renewal_days": "Sat",
}
# How each shows itself in what runs, and every file that a run writes; of leaf certificates, which a cluster makes itself, their names.
IN_FORCE = r"""
sysctl -n net.core.somaxconn
chronyc -n sources | grep -c '\<10.90.0.2\>' || true
nft list table inet voicehelper | sed 's/packets [0-9]* bytes [0-9]*//'
crictl info | grep -i maxConcurrentDownloads
since() { [ "$(date -d "$(systemctl show -P ActiveEnterTimestamp "$1")" +%s)" -ge "$(stat -c %Y "$2")" ] && echo "$1 knows $2"; }
since systemd-journald.service /etc/systemd/journald.conf.d/*
for process in $(pgrep -f '^kube-apiserver '); do tr '\0' '\n' </proc/$process/cmdline | grep audit-log-maxage; done
systemctl show -P TimersCalendar etcd-snapshot.timer renew-certificates.timer | sed 's/next_elapse=[^;}]*//'
find /etc /usr/local/bin -type f ! -path '/etc/kubernetes/*.conf' ! -path '/etc/kubernetes/pki/*' \
  ! -path '/etc/ssh/*_key*' ! -name machine-id -exec stat -c '%a %U' {} + -exec sha256sum {} + | sort
find /etc/kubernetes/pki /etc/kubernetes/*.conf /etc/kubernetes/manifests -type f -exec stat -c '%a %U %n' {} + 2>/dev/null | sort || true
"""


def run(settings: dict, *options: str) -> tuple[dict[str, dict], int]:
    """Run the part to its end: what it did to each host, and how many tasks it had. Raises AssertionError when it fails."""
    name = "killed"
    command = stages.playbook("site.yml", *PART, "--extra-vars", json.dumps(settings), *options)
    environment = {**os.environ, **stages.timed(name)}
    silent = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    done = subprocess.run(command, cwd=stages.PROJECT, env=environment, timeout=SECONDS, check=False, **silent)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    told = json.loads((stages.CACHE / f"timing-{name}.json").read_text())
    return told["hosts"], len(told["tasks"])


def in_force() -> dict[str, list[str]]:
    """What every node does and holds."""
    found = {name: text.splitlines() for name, text in nodes.shell(IN_FORCE).items()}
    for name in found:
        shown = kubectl("get", "--raw", f"/api/v1/nodes/{name}/proxy/configz")
        found[name].append(f"maxPods {json.loads(shown)['kubeletconfig']['maxPods']}")
    return found


def kubectl(*words: str) -> str:
    """What kubectl says of the lab's cluster."""
    command = [*stages.LAB, "kubectl", *words]
    return subprocess.run(command, cwd=stages.PROJECT, capture_output=True, text=True, timeout=60, check=True).stdout


class Lab:
    """The lab between two settings: which are in force, what an unbroken run makes of either, and how many tasks that takes."""

    def __init__(self) -> None:
        self.ends, self.tasks, self.now = {}, 0, None
        for settings in (CHANGED, {}):
            _, self.tasks = run(settings)
            self.ends[bool(settings)], self.now = in_force(), settings
        assert self.ends[True] != self.ends[False], "the settings show in nothing"

    def other(self) -> dict:
        """The settings that are not in force now."""
        return {} if self.now else CHANGED

    def judge(self, settings: dict, *options: str) -> None:
        """The run after a killed one, and one more. Raises AssertionError where they do not end as the unbroken one did."""
        run(settings, *options)
        self.now = settings
        found, wanted = in_force(), self.ends[bool(settings)]
        assert {name: sorted({*found[name]} ^ {*wanted[name]}) for name in wanted if found[name] != wanted[name]} == {}
        hosts, _ = run(settings)
        assert {host: told["changed"] for host, told in hosts.items()} == dict.fromkeys(hosts, 0)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    lab = Lab()
    yield lab
    run({})


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_that_was_killed_is_taken_over(lab, seed):
    chance, settings, options = random.Random(seed), lab.other(), []
    if seed >= FIRST_RUNS:
        subprocess.run([*stages.LAB, "reset"], cwd=stages.PROJECT, check=True, timeout=300, capture_output=True)
        options = ["-e", "kubeadm_new_cluster=true"]
    words = [*PART, "--extra-vars", json.dumps(settings), *options]
    line = killed("site.yml", *words, task=chance.randrange(lab.tasks), delay=chance.random())
    print(f"\nseed {seed}: {'blank machines, ' * (seed >= FIRST_RUNS)}killed at: {line or 'its end'}")
    lab.judge(settings, *options)
