"""Writes the graph into the bucket while the server serves. `load [ID]` fills an empty database from such a backup instead.

The server knows no backup of one moment: the graph is read again when something was written meanwhile, a few times at most. A backup
that is of no moment is kept, for it is better than none, but the job has failed.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from programs.archive import Archive, new_id
from programs.neo4j.graph import connect, contents, export, load, moment

ATTEMPTS = 3
GRAPH, ABOUT = Path("/work/graph.jsonl.gz"), Path("/work/about.json")


def take(archive: Archive, driver: Any, database: str) -> None:
    """Back up."""
    backup = new_id()
    for attempt in range(1, ATTEMPTS + 1):
        before = moment(driver, database)
        count = export(driver, database, GRAPH)
        whole = before == moment(driver, database)
        print(f"attempt {attempt}: {count} lines, {'of one moment' if whole else 'and something was written meanwhile'}", flush=True)
        if whole:
            break
    ABOUT.write_text(json.dumps({"one_moment": whole, "transaction": before, "lines": count}))
    for path in (GRAPH, ABOUT):
        archive.put(backup, path.name, path)
    archive.finish(backup, contents(GRAPH))
    if not whole:
        sys.exit(f"{backup} is of no moment: something was written during each of {ATTEMPTS} attempts; wanted a time with fewer writers")


def fill(archive: Archive, driver: Any, database: str, backup: str) -> None:
    """Restore into the server that serves."""
    found = driver.execute_query("MATCH (n) RETURN count(n) AS count", database_=database).records[0]["count"]
    if found:
        sys.exit(f"found {found} nodes in {database}; wanted an empty database: nothing is overwritten")
    archive.get(backup, GRAPH.name, GRAPH)
    load(driver, database, GRAPH)
    print(f"{backup} is loaded", flush=True)


def main() -> None:
    logging.getLogger("neo4j").setLevel(logging.ERROR)
    database = os.environ["NEO4J_DATABASE"]
    with connect() as driver:
        if sys.argv[1:2] == ["load"]:
            archive = Archive()
            fill(archive, driver, database, sys.argv[2] if len(sys.argv) > 2 else archive.newest()[0])
        else:
            take(Archive(), driver, database)


if __name__ == "__main__":
    main()
