"""Starts the copies of the newest backup, one after the other, and compares what they hold with what was recorded."""

from __future__ import annotations

from pathlib import Path

from programs.archive import Archive, Contents, compare
from programs.redis.scratch import contents, scratch

WORK = Path("/work")


def main() -> None:
    """See the module."""
    archive, server = Archive(), scratch()
    found: Contents = {}
    backup, recorded = archive.newest()
    for name in sorted(archive.files(backup)):
        what = next((key for key in recorded if key.startswith(f"{name} ")), name)
        archive.get(backup, name, WORK / name)
        found[what] = contents(server, name)
        (WORK / name).unlink()
    compare(backup, recorded, found)


if __name__ == "__main__":
    main()
