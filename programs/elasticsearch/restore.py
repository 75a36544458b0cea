"""Restores the newest snapshot into a server of this pod and compares what it holds with what was recorded."""

from __future__ import annotations

import json
import os
from pathlib import Path

from programs.archive import Archive, compare
from programs.elasticsearch.contents import Server


def main() -> None:
    server, archive = Server(), Archive()
    backup, recorded = archive.newest()
    archive.get(backup, "snapshot.json", "/work/snapshot.json")
    checkpoints = json.loads(Path("/work/snapshot.json").read_text())["checkpoints"]

    server.wait(600)
    repository = json.loads(os.environ["REPOSITORY"])
    server.call("PUT", "/_snapshot/backup", {**repository, "settings": {**repository["settings"], "readonly": True}})
    body = {
        "indices": "*",
        "include_global_state": True,
        "index_settings": {"index.number_of_replicas": 0, "index.auto_expand_replicas": False},
        "ignore_index_settings": ["index.lifecycle.*"],  # nothing here grows old
        **json.loads(os.environ["SNAPSHOT_OPTIONS"]),
    }
    print(f"restoring {backup}", flush=True)
    found = server.call("POST", f"/_snapshot/backup/{backup.lower()}/_restore?wait_for_completion=true", body, timeout=3000)["snapshot"]
    print(f"{found['shards']['successful']} of {found['shards']['total']} shards restored", flush=True)
    compared = {index: shards for index, shards in checkpoints.items() if f"documents of {index}" in recorded}
    compare(backup, recorded, server.contents(compared))


if __name__ == "__main__":
    main()
