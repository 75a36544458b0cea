"""The lab's cluster as tests of failure reach it: kubectl, a shell on its nodes, and the switches of its machines."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

from lab import ssh, workload
from lab.cluster import Lab
from lab.state import Paths
from lab.topology import OWN, load

PROJECT = Path(__file__).resolve().parents[2]
PLATFORM = yaml.safe_load((PROJECT / "group_vars/all/platform.yml").read_text())
NAMESPACE = PLATFORM["platform_namespaces"]["storage"]
APPLICATION = PLATFORM["platform_namespaces"]["app"]  # and of the AI tier
DOMAIN = PLATFORM["platform_domain"]
DATA = yaml.safe_load((PROJECT / "group_vars/all/storage.yml").read_text())["storage_path"]
AWAY = ("Unable to connect to the server", "was refused", "TLS handshake timeout")  # the request did not reach it
AWAY_SECONDS = 60
Found = TypeVar("Found")


class ClusterError(Exception):
    """The cluster did not do what was asked in time; the text says what."""


@dataclass(frozen=True)
class Member:
    """A pod of a system."""

    name: str
    namespace: str
    uid: str
    node: str
    address: str
    ready: bool
    containers: dict[str, str]  # name → id that the runtime knows


@cache
def lab() -> Lab:
    """The lab of the topology that TOPOLOGY names."""
    paths = Paths.of(os.environ.get("TOPOLOGY", OWN))
    return Lab(paths, load(paths))


def kubectl(*arguments: str, text: str | None = None, seconds: float = 60) -> str:
    """Run kubectl in the storage namespace, unless it is told another; its output.

    Raises ClusterError with what it said; an API that is away may come back.
    """
    command = [*workload.kubectl(lab().topology.inventory), f"--namespace={NAMESPACE}", *arguments]
    deadline = time.monotonic() + AWAY_SECONDS
    while True:
        try:
            return _run(command, text, seconds, f"kubectl {' '.join(arguments)[:120]}")
        except ClusterError as error:
            if time.monotonic() > deadline or not any(word in str(error) for word in AWAY):
                raise
        time.sleep(1)


def objects(*arguments: str) -> list[dict[str, Any]]:
    """Objects that `kubectl get` finds."""
    found = json.loads(kubectl("get", *arguments, "--output=json"))
    return found["items"] if found["kind"] == "List" else [found]


def shell(node: str, script: str, seconds: float = 60) -> str:
    """Run a script on a node as root; its output. Raises ClusterError with what it said."""
    command = ssh.command(lab().paths, lab().topology.node(node).address, "sudo", "sh", "-eu", "-s")
    return _run(command, script, seconds, f"{node}: {script.splitlines()[0][:80]}")


def kill(node: str, container: str) -> None:
    """SIGKILL for the first process of a container, and with it for all others, with no time to say goodbye."""
    ask = f"crictl inspect --output go-template --template '{{{{.info.pid}}}}' {container}"
    shell(node, f"kill -9 $({ask})")


def members(workload: str, namespace: str = NAMESPACE) -> list[Member]:
    """The pods of a StatefulSet that are on a node, by name."""
    found = []
    for pod in objects("pods", "--field-selector=status.phase=Running", f"--namespace={namespace}"):
        meta, status = pod["metadata"], pod["status"]
        if any(owner["name"] == workload for owner in meta.get("ownerReferences", [])):
            ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status["conditions"])
            ids = {c["name"]: c.get("containerID", "").partition("://")[2] for c in status.get("containerStatuses", [])}
            ready &= "deletionTimestamp" not in meta
            found.append(Member(meta["name"], namespace, meta["uid"], pod["spec"]["nodeName"], status.get("podIP", ""), ready, ids))
    return sorted(found, key=lambda member: member.name)


def replaced(workload: str, old: set[str], wanted: int, namespace: str = NAMESPACE) -> bool:
    """Whether a StatefulSet has so many members, all ready, and none of those, by uid, that were there before."""
    now = members(workload, namespace)
    return len(now) == wanted and all(member.ready and member.uid not in old for member in now)


def nodes_ready() -> bool:
    """Whether every node of the lab is ready."""
    conditions = [c for node in objects("nodes") for c in node["status"]["conditions"] if c["type"] == "Ready"]
    return len(conditions) == len(lab().topology.nodes) and all(c["status"] == "True" for c in conditions)


def is_worker(node: str) -> bool:
    """Whether a node carries no control plane."""
    return lab().topology.node(node).role == "worker"


def wait(what: Callable[[], Found], seconds: float, about: str, pause: float = 0.5) -> Found:
    """The first true value of `what`, which may fail meanwhile. Raises ClusterError with the last reason."""
    deadline, reason = time.monotonic() + seconds, ""
    while True:
        try:
            if found := what():
                return found
        except ClusterError as error:  # the API may be away for a while; that is what these tests are about
            reason = f": {error}"
        if time.monotonic() > deadline:
            raise ClusterError(f"{about}: not in {seconds:.0f} s{reason}")
        time.sleep(pause)


def _run(command: list[str], text: str | None, seconds: float, about: str) -> str:
    try:
        done = subprocess.run(command, input=text, text=True, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise ClusterError(f"{about}: no end within {seconds:.0f} s") from None
    if done.returncode:
        raise ClusterError(f"{about}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout
