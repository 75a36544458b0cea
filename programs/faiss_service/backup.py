"""Keeps what FAISS holds now, from whichever member answers: one tar file, of one moment, with the digest of its contents.

The environment names the members' common address in FAISS_URL.
"""

from __future__ import annotations

import os
from pathlib import Path

import requests

from programs.archive import Archive, Contents, new_id

INDEX = Path("/work/index.tar")
SILENCE = 60  # seconds without a byte


def contents(vectors: int, digest: str) -> Contents:
    """What an index holds, as it is recorded and compared."""
    return {"index": {"count": vectors, "digest": digest}}


def fetch(url: str, path: Path) -> Contents:
    """Write a backup to `path`; gives what it holds.

    :raises requests.RequestException: nobody answers, or the file is not whole.
    """
    with requests.get(f"{url}/backup", stream=True, timeout=SILENCE) as answer:
        answer.raise_for_status()
        with path.open("wb") as file:
            for part in answer.iter_content(1 << 20):
                file.write(part)
        return contents(int(answer.headers["X-Total-Vectors"]), answer.headers["X-Digest"])


def main() -> None:
    archive, backup = Archive(), new_id()
    held = fetch(os.environ["FAISS_URL"], INDEX)
    archive.put(backup, INDEX.name, INDEX)
    archive.finish(backup, held)


if __name__ == "__main__":
    main()
