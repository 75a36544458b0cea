"""Takes a snapshot into the bucket, records what it holds, removes the oldest."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from programs.archive import Archive, new_id
from programs.elasticsearch.contents import Server


def wait_for(server: Server, name: str) -> dict[str, Any]:
    """Follow a snapshot to its end.

    :raises RuntimeError: it is not whole.
    """
    while True:
        found = server.call("GET", f"/_snapshot/backup/{name}")["snapshots"][0]
        print(f"snapshot {name}: {found['state']}, {found['shards']['successful']} of {found['shards']['total']} shards", flush=True)
        if found["state"] != "IN_PROGRESS":
            break
        time.sleep(3)
    if found["state"] != "SUCCESS":
        raise RuntimeError(f"snapshot {name}: {found['state']} {json.dumps(found.get('failures'))[:800]}")
    return found


def main() -> None:
    server, archive, backup = Server(), Archive(), new_id()
    checkpoints = server.checkpoints()
    before = server.contents(checkpoints)
    body = {"indices": server.names() or ["-*"], "include_global_state": True, **json.loads(os.environ["SNAPSHOT_OPTIONS"])}
    server.call("PUT", f"/_snapshot/backup/{backup.lower()}", body)
    taken = wait_for(server, backup.lower())

    # What was changed meanwhile may be in the snapshot either way, and is not compared.
    after = server.contents({index: shards for index, shards in checkpoints.items() if index in server.checkpoints()})
    contents = {what: before[what] for what in before if before[what] == after.get(what)}
    for what in before.keys() - contents.keys():
        print(f"{what}: changed while the snapshot was taken", flush=True)

    record = Path("/work/snapshot.json")
    record.write_text(json.dumps({"checkpoints": checkpoints, "snapshot": taken}, indent=1))
    archive.put(backup, record.name, record)
    names = sorted(item["snapshot"] for item in server.call("GET", "/_snapshot/backup/_all")["snapshots"])
    for name in names[: -int(os.environ["BACKUP_KEEP"])]:
        server.call("DELETE", f"/_snapshot/backup/{name}", timeout=600)
    archive.finish(backup, contents)


if __name__ == "__main__":
    main()
