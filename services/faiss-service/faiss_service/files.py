"""Writing so that what was written is there after a power loss."""

from __future__ import annotations

import os
from pathlib import Path


class Damaged(Exception):
    """What is on the disk is not what was written there; only a backup or another member has it."""


def sync(path: Path) -> None:
    """Bring a file, or a folder's entries, to the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write(path: Path, data: bytes) -> None:
    """Replace a small file, wholly or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(data)
    sync(fresh)
    fresh.replace(path)
    sync(path.parent)
