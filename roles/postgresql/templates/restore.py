"""Restores a backup and the write-ahead log up to its named point, starts a server on it in this pod alone, and compares what it holds."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import closing
from pathlib import Path

import psycopg2
from archive import compare
from contents import connect, contents, databases, query

DATA = "/work/pgdata"
START_SECONDS = 3600


def restore(backup, point):
    """Files from the bucket; the server fetches the log by itself when it starts."""
    Path(DATA).mkdir(mode=0o700)
    target = ["--type=name", f"--target={point}", "--target-action=promote"]
    subprocess.run(["pgbackrest", "restore", f"--pg1-path={DATA}", f"--set={backup}", *target, "--archive-mode=off"], check=True)


def serve(server):
    """Wait until the server has read the log up to the point and serves."""
    began = said = time.monotonic()
    while time.monotonic() - began < START_SECONDS:
        if server.poll() is not None:
            raise SystemExit(f"the restored server ended with {server.returncode}")
        try:
            with closing(connect("postgres")) as connection:
                if query(connection, "SELECT NOT pg_is_in_recovery()") == [(True,)]:
                    return
        except psycopg2.OperationalError:
            pass  # still reads the log
        if time.monotonic() - said > 10:
            said = time.monotonic()
            print(f"reading the log for {said - began:.0f} s", flush=True)
        time.sleep(0.5)
    raise SystemExit(f"the restored server does not serve after {START_SECONDS} s")


def main():
    """Restore, start, read, stop, compare."""
    recorded, point = json.loads(Path("/work/recorded.json").read_text()), Path("/work/point").read_text()
    restore(recorded["id"], point)
    server = subprocess.Popen(["postgres", "-D", DATA, "-c", "config_file=/programs/postgresql.conf"])
    try:
        serve(server)
        with closing(connect("postgres")) as connection:
            names = databases(connection)
        found = {}
        for name in names:
            with closing(connect(name)) as connection:
                found |= contents(connection, name)
    finally:
        server.terminate()
        server.wait(60)
    compare(recorded["id"], recorded["contents"], found)


main()
