"""Run playbooks on the lab with a watch: seconds, tasks, changes, and the memory that the nodes take meanwhile."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab import ssh
from lab.cluster import Lab
from lab.state import Paths
from lab.topology import OWN, load
from tests import witness

PROJECT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
NO_CHECKS = ("--skip-tags", "verify")  # there are no systems yet
CLUSTER = ("playbooks/provision.yml", "playbooks/storage.yml", "playbooks/kubernetes.yml")
PLATFORM = ("site.yml",)
RUN_SECONDS = 30 * 60
ADMIN = "kubernetes-admin"
_SAMPLE_SECONDS = 2
_SETTLE_SECONDS = 300
_SETTLE_SAMPLE_SECONDS = 20
_CALM = 1.5  # processes that want a core, to one
_COUNT = """
import glob, json, sys
entries = (json.loads(line) for path in glob.glob("/var/log/kubernetes/audit*.log") for line in open(path) if sys.argv[2] in line)
print(sum(entry["user"]["username"] == sys.argv[2] and entry["stageTimestamp"] >= sys.argv[1] for entry in entries))
"""
_CGROUPS = Path("/sys/fs/cgroup")


class BenchError(Exception):
    """A run that is to be measured failed; the text says which and why."""


def command(*words: str, seconds: float = RUN_SECONDS, **environment: str) -> None:
    """Run a program of this project. Raises BenchError with its last lines."""
    surroundings = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **environment}
    done = subprocess.run(words, cwd=PROJECT, env=surroundings, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
        raise BenchError(f"{' '.join(words)} failed ({done.returncode}):\n{tail}")


def lab(topology: str = OWN) -> Lab:
    """A lab as its state says, added workers included."""
    paths = Paths.of(topology)
    return Lab(paths, load(paths))


def settle() -> None:
    """Wait, for a bounded time, until the machine has done what the run before left it to do: its load is low, or falls no more."""
    give_up, before = time.monotonic() + _SETTLE_SECONDS, math.inf
    while (load := os.getloadavg()[0]) > _CALM * (os.cpu_count() or 1) and load < before and time.monotonic() < give_up:
        before = load
        time.sleep(_SETTLE_SAMPLE_SECONDS)


def playbooks(name: str, books: Sequence[str], topology: str = OWN) -> dict[str, Any]:
    """Run playbooks on a lab; gives seconds, calls of the API, hosts (counts by outcome) and tasks (seconds, task, path, play)."""
    timing = PROJECT / f".cache/bench-{name}.json"
    began, since = time.monotonic(), time.time()
    nodes = lab(topology)
    command("ansible-playbook", "-i", str(nodes.topology.inventory), *books, SITE_PROGRESS_TIMING_FILE=str(timing))
    seconds = time.monotonic() - began
    return {**json.loads(timing.read_text()), "seconds": round(seconds, 1), "calls": _calls(nodes, since)}


def _calls(nodes: Lab, since: float) -> int:
    """How often the site's administrator called the API since a moment, by the audit logs of all control planes."""
    found = 0
    for node in nodes.topology.nodes:
        if node.role == "control_plane":
            words = ssh.command(nodes.paths, node.address, "sudo", "python3", "-", datetime.fromtimestamp(since, UTC).isoformat(), ADMIN)
            found += int(subprocess.run(words, input=_COUNT, capture_output=True, text=True, timeout=60, check=True).stdout)
    return found


@contextmanager
def memory(nodes: Lab) -> Iterator[dict[str, int]]:
    """Peak of each node's memory in MiB while the block runs: what its processes hold, without the cache of files."""
    folders = {node.name: _folder(nodes, node.name) for node in nodes.topology.nodes}
    peaks: dict[str, int] = dict.fromkeys(folders, 0)

    def note() -> None:
        for name, folder in folders.items():
            peaks[name] = max(peaks[name], _held(folder) >> 20)

    with witness.every(_SAMPLE_SECONDS, note):
        yield peaks


def _folder(nodes: Lab, name: str) -> Path:
    """The memory cgroup of a node's container, on hosts with cgroups of version 1 and 2."""
    pid = nodes.podman("inspect", "--format={{.State.Pid}}", nodes.container(name))
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        whole = path.removesuffix("/init.scope").lstrip("/")
        if "memory" in controllers.split(","):
            return _CGROUPS / "memory" / whole
        if number == "0" and (_CGROUPS / "cgroup.controllers").exists():
            return _CGROUPS / whole
    raise BenchError(f"{name}: its container has no memory cgroup")


def _held(folder: Path) -> int:
    """Bytes that the processes of a cgroup and of those below it hold."""
    try:
        found = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except FileNotFoundError:  # the node is being replaced
        return 0
    return int(found.get("total_rss", found.get("anon", 0)))
