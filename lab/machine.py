"""One node as a container: how podman is asked for it, and what an installer would leave on its disk."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from lab import disks, ssh
from lab.state import Paths
from lab.topology import Node

# Directories that cannot live on podman's overlay: they hold overlays themselves, or want a plain disk.
DIRECTORIES = {"containerd": "/var/lib/containerd", "kubelet": "/var/lib/kubelet", "etcd": "/var/lib/etcd"}

# The resolvers that this machine has of others, not the stub of systemd-resolved, which a container does not reach.
RESOLVERS = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))


def options(paths: Paths, node: Node, network: str) -> list[str]:
    """Options of ``podman create`` for a node: a whole machine to systemd, with the address that the inventory gives it."""
    state = paths.node(node.name)
    return [
        *("--privileged", "--systemd=always", "--cgroupns=private", "--pids-limit=-1", "--restart=always"),
        *(f"--hostname={node.name}", "--no-hosts", "--dns=none"),
        f"--network={network}:ip={node.address},mac={mac(node.address)}",
        f"--volume={state / 'boot'}:/lab:ro",
        *(f"--volume={state / name}:{path}" for name, path in DIRECTORIES.items()),
    ]


def prepare(paths: Paths, node: Node) -> None:
    """Make the directories that ``options`` mounts."""
    for name in DIRECTORIES:
        (paths.node(node.name) / name).mkdir(mode=0o700, parents=True, exist_ok=True)  # as kubeadm and containerd make them


def attach(paths: Paths, node: Node) -> None:
    """Attach the node's disks and write down for its next boot which devices they are."""
    table = paths.node(node.name) / "boot" / "disks"
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_text(disks.describe(disks.attach(paths, node)))


def furnish(paths: Paths, node: Node, root: Path) -> None:
    """What an installer leaves on a machine: name, identity, resolver, host keys, the administrator's key."""
    (root / "etc/hostname").write_text(f"{node.name}\n")
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n::1 localhost ip6-localhost\n127.0.1.1 {node.name}\n")
    shutil.copyfile(next(path for path in RESOLVERS if path.exists()), root / "etc/resolv.conf")
    (root / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")
    ssh.furnish(paths, root, node.address)


def mac(address: str) -> str:
    """A hardware address that stays with its IP address, as a network card's does: no neighbour keeps a stale one."""
    return ":".join(["02", "56", *(f"{int(part):02x}" for part in address.split("."))])
