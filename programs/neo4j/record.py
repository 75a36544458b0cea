"""Records what the server holds `before` and `after` its own program backs it up, and keeps the backup.

What changed in between may be in the backup either way and is not compared after a restore.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

from programs.archive import Archive, Contents, new_id
from programs.neo4j.graph import connect, contents, export

BEFORE, BACKUPS = Path("/work/before.json"), Path("/work/backup")


def held() -> Contents:
    """Fingerprints of what the server holds now."""
    graph = Path("/work/graph.jsonl.gz")
    with connect() as driver:
        export(driver, os.environ["NEO4J_DATABASE"], graph)
    return contents(graph)


def main() -> None:
    logging.getLogger("neo4j").setLevel(logging.ERROR)
    if sys.argv[1] == "before":
        BACKUPS.mkdir()
        BACKUPS.with_name("temporary").mkdir()
        BEFORE.write_text(json.dumps({"id": new_id(), "contents": held()}))
        return
    before, after, archive = json.loads(BEFORE.read_text()), held(), Archive()
    for path in sorted(BACKUPS.glob("*.backup")):
        archive.put(before["id"], path.name, path)
    same = {what: found for what, found in before["contents"].items() if after.get(what) == found}
    for what in before["contents"].keys() - same.keys():
        print(f"{what}: changed while it was backed up", flush=True)
    archive.finish(before["id"], same)


if __name__ == "__main__":
    main()
