"""Restores a backup and the write-ahead log up to a point, and starts a server on it in this pod alone.

Runs in PostgreSQL's own image, which has psycopg2 and none of the other clients; see fetch.
Without MOMENT that is the one named after the newest backup, and what the server holds is compared with what was recorded there.
With MOMENT every database is dumped as it was at that time.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2

from programs.archive import Contents, compare
from programs.postgresql.contents import connect, contents, databases, query

DATA, DUMPS = "/work/pgdata", Path("/work/dumps")
START_SECONDS = 3600


def restore(*target: str) -> None:
    """Files from the bucket; the server fetches the log by itself when it starts."""
    Path(DATA).mkdir(mode=0o700)
    subprocess.run(["pgbackrest", "restore", f"--pg1-path={DATA}", "--target-action=promote", "--archive-mode=off", *target], check=True)


@contextmanager
def serving() -> Generator[list[str], None, None]:
    """A server on what was restored, once it has read the log up to the point; gives the names of its databases."""
    server = subprocess.Popen(["postgres", "-D", DATA, "-c", "config_file=/files/postgresql.conf"])
    try:
        _await(server)
        with closing(connect("postgres")) as connection:
            yield databases(connection)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)


def _await(server: subprocess.Popen[bytes]) -> None:
    began = said = time.monotonic()
    while time.monotonic() - began < START_SECONDS:
        if server.poll() is not None:
            raise SystemExit(f"the restored server ended with {server.returncode}")
        try:
            with closing(connect("postgres")) as connection:
                if query(connection, "SELECT NOT pg_is_in_recovery()") == [(True,)]:
                    return
        except psycopg2.OperationalError:
            pass  # it still reads the log
        if time.monotonic() - said > 10:
            said = time.monotonic()
            print(f"reading the log for {said - began:.0f} s", flush=True)
        time.sleep(0.5)
    raise SystemExit(f"the restored server does not serve after {START_SECONDS} s")


def compared() -> None:
    """The newest backup, and what was recorded with it."""
    recorded, point = json.loads(Path("/work/recorded.json").read_text()), Path("/work/point").read_text()
    restore(f"--set={recorded['id']}", "--type=name", f"--target={point}")
    found: Contents = {}
    with serving() as names:
        for name in names:
            with closing(connect(name)) as connection:
                found |= contents(connection, name)
    compare(recorded["id"], recorded["contents"], found)


def dumped(moment: str) -> None:
    """Every database as it was at a moment, from the last backup before it."""
    restore("--type=time", f"--target={moment}")
    DUMPS.mkdir()
    with serving() as names:
        for name in names:
            subprocess.run(["pg_dump", "--format=custom", f"--file={DUMPS / name}.dump", name], check=True)
            print(f"dumped {name}", flush=True)


if __name__ == "__main__":
    wanted = os.environ.get("MOMENT")
    dumped(wanted) if wanted else compared()
