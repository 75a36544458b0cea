"""Fetches what was recorded with the newest backup."""

from __future__ import annotations

import json
from pathlib import Path

from archive import Archive

archive = Archive("contents/")
backup, contents = archive.newest()
archive.get(backup, "point", "/work/point")
Path("/work/recorded.json").write_text(json.dumps({"id": backup, "contents": contents}))
print(f"the newest backup is {backup}", flush=True)
