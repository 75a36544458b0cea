"""Copies every shard from its primary, as a replica would, reads each copy back and keeps it in the bucket."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from programs.archive import Archive, Contents, new_id
from programs.redis import connection
from programs.redis.connection import redis_cli, said, table
from programs.redis.scratch import contents, scratch
from programs.redis.topology import SLOTS

WORK = Path("/work")
LEAST = 0.9  # part of the primary's keys that a copy must have; keys come and go meanwhile


def member(host: str) -> Any:
    """A connection to a member."""
    return connection.member(host, int(os.environ["REDIS_PORT"]), "backup", os.environ["REDISCLI_AUTH"], timeout=30, retries=3)


def shards() -> list[tuple[str, str]]:
    """[(its slots as text, its primary's host name)], all slots together.

    :raises SystemExit: a slot is nobody's, or a shard has no primary.
    """
    found, covered = [], 0
    for shard in map(table, member(os.environ["REDIS_HOST"]).execute_command("CLUSTER", "SHARDS")):
        bounds = [int(bound) for bound in shard["slots"]]
        pairs = list(zip(bounds[::2], bounds[1::2], strict=True))
        primaries = [node["hostname"] for node in map(table, shard["nodes"]) if node["role"] == "master" and node["health"] == "online"]
        if pairs and not primaries:
            sys.exit(f"slots {pairs}: found no primary that is online")
        if pairs:
            found.append((" ".join(f"{first}-{last}" for first, last in pairs), primaries[0]))
            covered += sum(last - first + 1 for first, last in pairs)
    if covered != SLOTS:
        sys.exit(f"found {covered} slots on primaries; wanted {SLOTS}")
    return sorted(found, key=lambda shard: int(shard[0].split("-")[0]))


def copy(host: str, path: Path) -> None:
    """Let redis-cli take a snapshot over the replication protocol."""
    try:
        redis_cli(os.environ["REDISCLI_AUTH"], "-h", host, "-p", os.environ["REDIS_PORT"], "--user", "backup", "--rdb", str(path))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{host}: {said(error)}")


def main() -> None:
    """See the module."""
    archive, server, backup = Archive(), scratch(), new_id()
    recorded: Contents = {}
    for number, (slots, host) in enumerate(shards(), 1):
        name = f"shard-{number}.rdb"
        before = member(host).dbsize()
        copy(host, WORK / name)
        found = contents(server, name)
        least = LEAST * min(before, member(host).dbsize())
        if found["count"] < least:
            sys.exit(f"{host}: its copy has {found['count']} keys, it has {before}")
        archive.put(backup, name, WORK / name)
        print(f"{name}: slots {slots} of {host}, {found['count']} keys, {(WORK / name).stat().st_size} bytes", flush=True)
        recorded[f"{name} with slots {slots}"] = found
        (WORK / name).unlink()
    archive.finish(backup, recorded)


if __name__ == "__main__":
    main()
