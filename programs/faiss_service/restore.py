"""Gives the newest backup to a member of this pod's own, which compares it with its sums, and compares what that member then holds."""

from __future__ import annotations

import os
from pathlib import Path

from programs import waiting
from programs.archive import Archive, compare
from programs.faiss_service.backup import INDEX, contents
from programs.http import FAULTS, Server

START = 120  # seconds that a server with nothing in it may take
LOAD = 3000  # seconds for an index


def restore(server: Server, index: Path) -> dict:
    """What the server holds once it has taken the backup.

    :raises requests.RequestException: it does not answer.
    :raises HttpError: it refuses the backup, with the reason.
    """
    waiting.until(lambda: server.call("GET", "/stats"), START, faults=FAULTS)
    with index.open("rb") as file:
        server.call("POST", "/restore", timeout=LOAD, params={"replace": "true"}, data=file)
    found = server.call("GET", "/stats")
    return contents(found["total_vectors"], found["digest"])


def main() -> None:
    archive = Archive()
    backup, recorded = archive.newest()
    archive.get(backup, INDEX.name, INDEX)
    print(f"loading {backup}", flush=True)
    compare(backup, recorded, restore(Server(os.environ["FAISS_URL"]), INDEX))


if __name__ == "__main__":
    main()
