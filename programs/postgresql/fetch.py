"""Comes before the container of PostgreSQL's own image: hands it this package, and without MOMENT what the newest backup recorded."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import programs
from programs.archive import Archive

WORK = Path("/work")


def lend(target: Path) -> None:
    """Copy this package for a container whose image has none; it finds it by PYTHONPATH."""
    source = Path(programs.__file__).parent
    shutil.copytree(source, target / source.name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


def main() -> None:
    lend(WORK)
    if os.environ.get("MOMENT"):
        return
    archive = Archive("contents/")
    backup, contents = archive.newest()
    archive.get(backup, "point", WORK / "point")
    (WORK / "recorded.json").write_text(json.dumps({"id": backup, "contents": contents}))
    print(f"the newest backup is {backup}", flush=True)


if __name__ == "__main__":
    main()
