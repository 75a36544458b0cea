"""The lab's own SSH key and the nodes' host keys, so that host key checking stays on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from artifacts import process
from artifacts.store import write_atomically
from lab.state import Paths

USER = "admin"
_known_hosts_guard = threading.Lock()


def ensure_key(paths: Paths) -> None:
    """Make the key that every lab of this user accepts, once."""
    paths.ssh.mkdir(mode=0o700, exist_ok=True)
    if not (paths.ssh / "id_ed25519").exists():
        _keygen(paths.ssh / "id_ed25519", "voicehelper-lab")


def furnish(paths: Paths, root: Path, address: str) -> None:
    """Give a node (by its root file system) a host key and the administrator's key; remember the host key."""
    host_key = root / "etc/ssh/ssh_host_ed25519_key"
    _keygen(host_key, "")
    home = root / "home" / USER
    authorized = home / ".ssh/authorized_keys"
    authorized.parent.mkdir(mode=0o700)
    authorized.write_text((paths.ssh / "id_ed25519.pub").read_text())
    authorized.chmod(0o600)
    owner = home.stat()
    for path in (authorized.parent, authorized):
        os.chown(path, owner.st_uid, owner.st_gid)
    public_key = host_key.with_suffix(".pub").read_text().strip()
    _rewrite(paths, lambda known: known != address, f"{address} {public_key}")


def forget(paths: Paths, network: IPv4Network) -> None:
    """Drop the host keys of every node of a network."""
    _rewrite(paths, lambda address: IPv4Address(address) not in network)


def command(paths: Paths, address: str, *words: str) -> list[str]:
    """The command line that reaches a node."""
    options = {
        "UserKnownHostsFile": paths.ssh / "known_hosts",
        "IdentityFile": paths.ssh / "id_ed25519",
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "yes",
        "LogLevel": "ERROR",
    }
    return ["ssh", "-Fnone", *(f"-o{name}={value}" for name, value in options.items()), f"{USER}@{address}", *words]


def _rewrite(paths: Paths, keep: Callable[[str], bool], *new_lines: str) -> None:
    known_hosts = paths.ssh / "known_hosts"
    with _known_hosts_guard:
        lines = known_hosts.read_text().splitlines() if known_hosts.exists() else []
        lines = [*(line for line in lines if keep(line.split()[0])), *new_lines]
        write_atomically(known_hosts, "".join(f"{line}\n" for line in lines))


def _keygen(path: Path, comment: str) -> None:
    process.output(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path])
