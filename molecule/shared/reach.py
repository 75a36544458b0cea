"""How tests of cluster roles reach the lab's nodes, and what the nodes are meant to run."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import yaml

from lab import topology
from lab.ssh import USER
from lab.state import Paths

REPOSITORY = Path(__file__).resolve().parents[2]
SITE = os.environ.get("VOICEHELPER_SITE", "lab")
CREDENTIALS = REPOSITORY / "inventories" / SITE / "credentials"
VERSIONS = yaml.safe_load((REPOSITORY / "group_vars/all/artifacts.yml").read_text())["artifacts_versions"]


@cache
def _lab() -> tuple[Paths, topology.Topology]:
    paths = Paths.of(SITE)
    return paths, topology.load(paths)


def addresses(*roles: str) -> dict[str, str]:
    """Name → address of the nodes with one of the roles (control_plane, worker); all nodes when none is named."""
    return {node.name: node.address for node in _lab()[1].nodes if not roles or node.role in roles}


def hosts(*roles: str) -> list[str]:
    """The same nodes as testinfra connects to them, as root; for a test module's ``testinfra_hosts``."""
    ssh = _lab()[0].ssh
    config = REPOSITORY / ".cache/ssh_config"
    config.parent.mkdir(exist_ok=True)
    options = {
        "User": USER,
        "IdentityFile": ssh / "id_ed25519",
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": ssh / "known_hosts",
        "StrictHostKeyChecking": "yes",
        "LogLevel": "ERROR",
    }
    config.write_text("Host *\n" + "".join(f"  {name} {value}\n" for name, value in options.items()))
    return [f"ssh://{address}?sudo=true&controlpersist=60&ssh_config={config}" for address in addresses(*roles).values()]
