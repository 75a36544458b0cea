"""Compares what a server of this pod holds with what was recorded, after it has loaded the graph where the backup is one."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from programs.archive import compare
from programs.neo4j.graph import connect, contents, export, load, wait

GRAPH, FOUND = Path("/work/backup/graph.jsonl.gz"), Path("/work/found.jsonl.gz")


def main() -> None:
    logging.getLogger("neo4j").setLevel(logging.CRITICAL)
    database = os.environ["NEO4J_DATABASE"]
    recorded = json.loads(Path("/work/recorded.json").read_text())
    with connect() as driver:
        wait(driver, 900)
        if GRAPH.exists():
            print(f"loading {recorded['id']}", flush=True)
            load(driver, database, GRAPH)
        export(driver, database, FOUND)
    found = contents(FOUND)
    if not GRAPH.exists():  # parts that changed while the backup was made were not recorded
        found = {what: value for what, value in found.items() if what in recorded["contents"]}
    compare(recorded["id"], recorded["contents"], found)


if __name__ == "__main__":
    main()
