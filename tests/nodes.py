"""What the lab's nodes are doing, read over SSH as an administrator would."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

from lab import ssh, topology
from lab.state import Paths
from tests.chaos import cluster

LEAVE_SECONDS = 300
MARK = "/run/voicehelper-test-mark"
# Places where a system that is merely running writes: runtime state, logs, caches, databases, and what a login leaves.
_ALIVE = ["/proc", "/sys", "/run", "/tmp", "/data", "/etc/cni/net.d"]
_ALIVE += [f"/var/{name}" for name in ("log", "tmp", "cache")]
_ALIVE += [f"/var/lib/{name}" for name in ("kubelet", "containerd", "cni", "etcd", "systemd", "chrony", "sudo", "private", "cilium")]
_PRUNED = " -o ".join(f"-path {path}" for path in _ALIVE)
_TOUCHED = rf"find / -xdev \( {_PRUNED} -o -name .ansible \) -prune -o -newer {MARK} \( -type f -o -type l \) -print"
_CONTAINERS = "test ! -x /usr/local/bin/crictl || /usr/local/bin/crictl ps --output json"
_SERVICES = ("containerd", "kubelet", "chrony", "ssh")
_PROCESSES = f"for unit in {' '.join(_SERVICES)}; do echo $unit $(systemctl show --property=MainPID --value $unit); done"


def shell(command: str, seconds: float = 60) -> dict[str, str]:
    """Output of a shell command on every node, as root. Raises AssertionError, naming the node, where it fails."""
    paths = Paths.of(topology.OWN)

    def on(node: topology.Node) -> tuple[str, str]:
        line = ssh.command(paths, node.address, "sudo", "sh", "-s")
        done = subprocess.run(line, input=command, capture_output=True, text=True, timeout=seconds, check=False)
        assert done.returncode == 0, f"{node.name}: {done.stderr or done.stdout}"
        return node.name, done.stdout

    nodes = topology.load(paths).nodes
    with ThreadPoolExecutor(len(nodes)) as pool:
        return dict(pool.map(on, nodes))


def mark() -> str:
    """Set a mark in time on every node."""
    return f"{len(shell(f'touch {MARK} && sleep 1'))} nodes"


def untouched() -> str:
    """Raises AssertionError, naming them, when files were written on a node since the mark."""
    found = {node: text.splitlines() for node, text in shell(_TOUCHED).items() if text}
    assert not found, json.dumps(found, indent=1)
    return "no file was written"


def settled() -> str:
    """Return when no pod is on its way out: one that a rollout replaced drains for a while. Raises ClusterError when one stays."""
    cluster.wait(lambda: not _leaving(), LEAVE_SECONDS, "no pod is being ended")
    return "no pod is being ended"


def _leaving() -> list[str]:
    return [pod["metadata"]["name"] for pod in cluster.objects("pods", "--all-namespaces") if "deletionTimestamp" in pod["metadata"]]


def running() -> dict[str, str]:
    """Every container and main service that runs: its name to its id or process."""
    found = {}
    for node, text in shell(_CONTAINERS).items():
        for item in json.loads(text)["containers"] or [] if text else []:
            name = f"{item['labels']['io.kubernetes.pod.namespace']}/{item['labels']['io.kubernetes.pod.name']}/{item['metadata']['name']}"
            found[f"{node} {name}"] = item["id"]
    for node, text in shell(_PROCESSES).items():
        found |= {f"{node} {unit}": process for unit, process in (line.split() for line in text.splitlines())}
    return found


def same(before: dict[str, str], after: dict[str, str]) -> str:
    """Raises AssertionError for what was restarted or is gone; pods of a verification come and go."""
    changed = [name for name, identity in before.items() if after.get(name) != identity and " verify-" not in name]
    assert not changed, f"restarted or gone: {', '.join(changed)}"
    return f"{len(before)} containers and services as before"
