"""Copies every shard from its primary, as a replica would, reads each copy back and keeps it in the bucket."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import redis
from archive import Archive
from scratch import contents, scratch

WORK = Path("/work")
SLOTS = 16384
LEAST = 0.9  # part of the primary's keys that a copy must have; keys come and go meanwhile


def member(host):
    """A connection to a member."""
    options = {"port": int(os.environ["REDIS_PORT"]), "ssl": True, "socket_timeout": 30, "decode_responses": True}
    return redis.Redis(host=host, username="backup", password=os.environ["REDISCLI_AUTH"], **options)


def table(flat):
    """What Redis lists as name, value, name, value."""
    return dict(zip(flat[::2], flat[1::2], strict=True)) if isinstance(flat, list) else flat


def shards():
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


def copy(host, path):
    """Let redis-cli take a snapshot over the replication protocol."""
    line = ["redis-cli", "-h", host, "-p", os.environ["REDIS_PORT"], "--tls", "--cacert", os.environ["SSL_CERT_FILE"]]
    done = subprocess.run([*line, "--user", "backup", "--rdb", path], text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{host}: {done.stderr.strip() or done.stdout.strip()}")


def main():
    """See the module."""
    archive, server, recorded = Archive(), scratch(), {}
    backup = archive.new_id()
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
