"""Data disks: sparse files behind loop devices, real block devices to the node that gets them."""

from __future__ import annotations

import json
from pathlib import Path

from artifacts import process
from lab.state import Paths
from lab.topology import Node


def attach(paths: Paths, node: Node) -> list[tuple[str, str]]:
    """Make and attach the node's disks; return the loop device of each device path that the inventory names.

    A disk that exists keeps what is on it.
    """
    folder = paths.disks(node.name)
    attached = _attached(folder)
    devices = []
    for path in node.disks:
        image = folder / f"{Path(path).name}.img"
        if not image.exists():
            folder.mkdir(parents=True, exist_ok=True)
            with image.open("wb") as stream:
                stream.truncate(node.disk_size)
        device = attached.get(image) or _losetup("--find", "--show", str(image))
        devices.append((device, path))
    return devices


def detach(folder: Path) -> None:
    """Detach every loop device whose file lies in this folder."""
    for device in _attached(folder).values():
        _losetup("--detach", device)


def describe(devices: list[tuple[str, str]]) -> str:
    """What the node's boot reads: ``major minor kernel-name inventory-path`` a line."""
    lines = []
    for device, path in devices:
        name = Path(device).name
        major, minor = Path("/sys/block", name, "dev").read_text().strip().split(":")
        lines.append(f"{major} {minor} {name} {path}\n")
    return "".join(lines)


def _attached(folder: Path) -> dict[Path, str]:
    listing = _losetup("--list", "--json", "--output", "NAME,BACK-FILE")
    entries = json.loads(listing)["loopdevices"] if listing else []
    files = {Path(entry["back-file"].removesuffix(" (deleted)")): entry["name"] for entry in entries}
    return {file: name for file, name in files.items() if file.is_relative_to(folder)}


def _losetup(*arguments: str) -> str:
    return process.output(["losetup", *arguments])
