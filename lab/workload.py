"""What runs on the nodes once they are a cluster: whether it is back after a restart."""

from __future__ import annotations

import json
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.state import LabError

BACK_SECONDS = 900  # on a small machine some thirty servers share two cores when all nodes start at once
_PAUSE_SECONDS = 5
_ASK_SECONDS = 30


def kubeconfig(inventory: Path) -> Path:
    """The file that leads to the cluster of an inventory; there once there is one."""
    return inventory / "credentials/kubeconfig"


def kubectl(inventory: Path) -> list[str]:
    """The command that speaks to the cluster of an inventory. Raises LabError when there is none yet."""
    path = kubeconfig(inventory)
    if not path.exists():
        raise LabError(f"no cluster yet: {path} is made by `lab run site.yml`")
    return ["env", "NO_PROXY=*", "no_proxy=*", str(path.parent / "bin/kubectl"), f"--kubeconfig={path}"]  # it is on this very machine


def members(inventory: Path) -> set[str]:
    """Names of the nodes of the cluster, none where there is no cluster or nothing of it answers."""
    if not kubeconfig(inventory).exists():
        return set()
    ask = [*kubectl(inventory), "get", "nodes", "--output=name", f"--request-timeout={_ASK_SECONDS}s"]
    try:
        answer = subprocess.run(ask, capture_output=True, text=True, timeout=2 * _ASK_SECONDS, check=True).stdout
    except (subprocess.SubprocessError, OSError):
        return set()
    return {line.removeprefix("node/") for line in answer.split()}


def now() -> str:
    """This moment as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def missing(pods: list[dict[str, Any]], since: str) -> list[str]:
    """The pods, of those meant to stay, that are not ready in containers started after ``since``, as namespace/name.

    After a restart the API shows a node's past until its kubelet reports again, so a start before it does not count.
    """
    staying = [pod for pod in pods if pod["status"]["phase"] not in ("Succeeded", "Failed")]
    return ["{namespace}/{name}".format_map(pod["metadata"]) for pod in staying if not _back(pod, since)]


def wait(inventory: Path, node: str, since: str) -> None:
    """Return once every pod of a node is ready again. Raises LabError with what was still missing after BACK_SECONDS."""
    ask = [*kubectl(inventory), "get", "pods", "--all-namespaces", f"--field-selector=spec.nodeName={node}", "--output=json"]
    deadline = time.monotonic() + BACK_SECONDS
    left: list[str] = []
    while time.monotonic() < deadline:
        try:
            answer = subprocess.run(ask, capture_output=True, text=True, timeout=_ASK_SECONDS, check=True).stdout
            if not (left := missing(json.loads(answer)["items"], since)):
                return
        except subprocess.TimeoutExpired:  # the API itself is starting
            left = [f"kubectl got no answer within {_ASK_SECONDS} s"]
        except subprocess.CalledProcessError as error:
            left = [error.stderr.strip()]
        time.sleep(_PAUSE_SECONDS)
    raise LabError(f"{node}: not ready {BACK_SECONDS // 60} minutes after the restart: {', '.join(left)}")


def _back(pod: dict[str, Any], since: str) -> bool:
    status = pod["status"]
    starts = [container["state"].get("running", {}).get("startedAt", "") for container in status.get("containerStatuses", [])]
    ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in status.get("conditions", []))
    return ready and all(start > since for start in starts)
