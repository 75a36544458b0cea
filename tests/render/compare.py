"""Which objects of the sites render otherwise than at a revision of git.   python -m tests.render.compare REV [SITE…]

Both trees render with their own code and the same secrets. Annotations that are a hash of what a pod reads are masked: they differ with it.
Exits 1 if an object differs, is missing or is new, or if a site rendered nothing.
"""

from __future__ import annotations

import argparse
import difflib
import os
import pickle
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parents[2]
HASH = re.compile(r"[0-9a-f]{64}")
MASK = "(hash)"
BUCKET = {"endpoint": "https://s3.example.com", "bucket": "copies", "access_key": "key", "secret_key": "secret", "cidr": "203.0.113.0/24"}
VARIED = "recommended"  # the site that is also rendered in every mode, and with what no inventory here says
UNUSUAL = {
    "licensed": {"elasticsearch_flavour": "elasticsearch", "neo4j_edition": "enterprise", "neo4j_replicas": 3, "kafka_controllers": 0},
    "free": {"elasticsearch_flavour": "opensearch", "neo4j_edition": "community", "neo4j_replicas": 1, "minio_backup_s3": BUCKET},
    "bare": {"postgresql_backup_enabled": False, "elasticsearch_replicas": 1, "elasticsearch_relaxed_limits": True},
}

Objects = dict[str, dict[str, Any]]  # of one variation of a site: kind, namespace and name → object


def rendered(tree: Path, state: Path, sites: list[str]) -> dict[str, Objects]:
    """All objects of a tree's sites by "site, variation"; for a process of its own, as Ansible is loaded with the tree's plugins.

    :param state: directory with the secrets, which are made where they are missing.
    :param sites: names of inventories; none means all.
    """
    from tests.render.rendering import BUNDLES, SITES, Site, controller

    modes = yaml.safe_load((tree / "group_vars/all/modes.yml").read_text())["deploy_modes"]
    variations = {mode: {"deploy_mode": mode} for mode in modes} | UNUSUAL
    loader, found = controller(state), {}
    for name in sites or SITES:
        for variation, variables in variations.items() if name == VARIED else [("full", {"deploy_mode": "full"})]:
            site = Site(name, loader, state).changed(**variables)
            chosen = set(site.value("{{ deploy_components }}"))
            wanted = [bundle for bundle in BUNDLES if bundle.role in chosen or bundle.role not in modes["full"]]
            found[f"{name}, {variation}"] = {label(item): masked(item) for bundle in wanted for item in site.documents(bundle)}
    return found


def label(item: dict[str, Any]) -> str:
    """What an object is told apart by."""
    meta = item["metadata"]
    return f"{item['apiVersion']} {item['kind']} {meta.get('namespace', '-')}/{meta['name']}"


def masked(item: Any) -> Any:
    """The same object with a mask in place of each annotation that is a SHA-256, and otherwise as the API server keeps it.

    That adds the protocol of a port and drops a policy's empty list of rules. When a bootstrap token ends depends on when it was rendered.
    """
    if isinstance(item, list):
        return [masked(entry) for entry in item]
    if not isinstance(item, dict):
        return item
    changed = {key: masked(value) for key, value in item.items() if not (value == [] and key in ("ingress", "egress"))}
    if notes := changed.get("annotations"):
        changed["annotations"] = {name: MASK if HASH.fullmatch(str(text)) else text for name, text in notes.items()}
    if changed.get("type") == "bootstrap.kubernetes.io/token":
        changed["data"] = {**changed["data"], "expiration": MASK}
    if isinstance(changed.get("ports"), list):
        changed["ports"] = [{"protocol": "TCP", **port} if isinstance(port, dict) else port for port in changed["ports"]]
    return changed


def differences(before: Objects, after: Objects) -> Iterator[str]:
    """A unified diff of each object that is not in both alike."""
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            sides = [yaml.safe_dump(side[name]).splitlines() if name in side else [] for side in (before, after)]
            yield "\n".join(difflib.unified_diff(*sides, f"{name} before", f"{name} after", lineterm=""))


def judge(before: dict[str, Objects], after: dict[str, Objects]) -> int:
    """Print what differs between two renderings of all sites. Returns the exit code."""
    wrong = not before
    for name in sorted(before.keys() | after.keys()):
        sides = before.get(name, {}), after.get(name, {})
        found = list(differences(*sides))
        print(f"{name}: {len(sides[0])} objects before, {len(sides[1])} after, {len(found)} differ", *found, sep="\n")
        wrong |= bool(found) or not all(sides)
    return int(wrong)


def objects_of(tree: Path, state: Path, sites: list[str]) -> dict[str, Objects]:
    """As `rendered`, in a process that has the tree's own code."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree),  # its own packages, not those that are installed
        "VOICEHELPER_VAULT_PASSWORD_FILE": str(state / "vault-password"),
        "ANSIBLE_CONFIG": str(tree / "ansible.cfg"),
    }
    command = [sys.executable, "-P", __file__, "--tree", str(tree), "--state", str(state), "-", *sites]
    subprocess.run(command, check=True, cwd=tree, env=environment)
    return pickle.loads((state / "rendered").read_bytes())


def compare(revision: str, sites: list[str]) -> int:
    """Render the revision, then the working tree. Returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        tree, state = Path(folder) / "tree", Path(folder) / "state"
        state.mkdir()
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(tree), revision], check=True, cwd=PROJECT)
        try:
            return judge(objects_of(tree, state, sites), objects_of(PROJECT, state, sites))
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], check=True, cwd=PROJECT)


def main() -> None:
    """Compare, or, as a process of a comparison, render a tree."""
    parser = argparse.ArgumentParser(prog="python -m tests.render.compare", description=__doc__.splitlines()[0])
    parser.add_argument("revision", metavar="REV")
    parser.add_argument("sites", nargs="*", metavar="SITE", help="an inventory; without one, all")
    parser.add_argument("--tree", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--state", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.tree:
        (arguments.state / "rendered").write_bytes(pickle.dumps(rendered(arguments.tree, arguments.state, arguments.sites)))
        return
    sys.exit(compare(arguments.revision, arguments.sites))


if __name__ == "__main__":
    main()
