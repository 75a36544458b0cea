"""The server's commands for its archive: what they tell the server, and that an archive which is away holds up nothing."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from programs.postgresql import check

ROLE = Path(__file__).parents[2] / "roles/postgresql"


@pytest.fixture
def pgbackrest(tmp_path, monkeypatch):
    """A pgBackRest that writes down its calls and does what a line of shell says."""
    calls = tmp_path / "calls"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def behaves(script):
        program = tmp_path / "pgbackrest"
        program.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{script}\n')
        program.chmod(0o755)

    behaves("exit 0")
    return SimpleNamespace(behaves=behaves, calls=lambda: calls.read_text().splitlines() if calls.exists() else [])


def archive():
    return subprocess.run(["sh", ROLE / "templates/pgbackrest_archive.sh", "pg_wal/1"], capture_output=True, text=True, check=False)


def test_a_segment_is_archived_with_one_call(pgbackrest):
    assert archive().returncode == 0
    assert pgbackrest.calls() == ["archive-push pg_wal/1"]


def test_the_first_segment_has_the_archive_prepared_and_is_tried_again(pgbackrest):
    pgbackrest.behaves('[ "$1" = stanza-create ] || { echo "repo1: [FileMissingError] unable to load info file"; exit 103; }')
    assert archive().returncode == 103
    assert pgbackrest.calls() == ["archive-push pg_wal/1", "stanza-create"]


@pytest.mark.parametrize(
    "said", ["repo1: [HostConnectError] unable to load info file; HINT: stanza-create", "repo1: [ArchiveMismatchError] x"]
)
def test_an_archive_that_is_away_or_anothers_is_left_alone(pgbackrest, said):
    pgbackrest.behaves(f'echo "{said}"; exit 103')
    done = archive()
    assert done.returncode == 103
    assert said in done.stderr
    assert pgbackrest.calls() == ["archive-push pg_wal/1"]


@pytest.fixture
def fetch(tmp_path):
    """Run the restore command with a marker and a patience of its own."""
    program = tmp_path / "fetch.py"
    text = (ROLE / "files/pgbackrest_fetch.py").read_text()
    program.write_text(text.replace("/tmp/archive-is-away", f"{tmp_path}/away").replace("ANSWER_SECONDS = 5", "ANSWER_SECONDS = 0.5"))
    return lambda: subprocess.run([sys.executable, program, "0001", "target"], capture_output=True, check=False).returncode


def test_what_is_there_is_fetched(pgbackrest, fetch):
    assert fetch() == 0
    assert pgbackrest.calls() == ["archive-get 0001 target"]


def test_what_is_not_there_may_be_asked_for_at_once_again(pgbackrest, fetch):
    pgbackrest.behaves("exit 1")
    assert [fetch(), fetch()] == [1, 1]
    assert len(pgbackrest.calls()) == 2


@pytest.mark.parametrize("behaviour", ["exit 103", "exec sleep 5"])
def test_an_archive_that_is_away_is_asked_once_a_minute(pgbackrest, fetch, tmp_path, behaviour):
    pgbackrest.behaves(behaviour)
    began = time.monotonic()
    assert [fetch(), fetch(), fetch()] == [1, 1, 1]
    assert time.monotonic() - began < 4
    assert len(pgbackrest.calls()) == 1
    an_hour_ago = time.time() - 3600
    os.utime(tmp_path / "away", (an_hour_ago, an_hour_ago))
    pgbackrest.behaves("exit 0")
    assert fetch() == 0


class Bucket:
    """Stands for the archive of a cluster that was once made anew and has changed its leader twice."""

    prefix, bucket = "a/", "b"
    came = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    keys = (
        "a/s/archive.info",
        "a/s/17-2/0000000100000000/000000010000000000000009-ab.zst",
        "a/s/17-10/00000002.history",
        "a/s/17-10/0000000100000000/000000010000000000000003-ab.zst",
        "a/s/17-10/0000000200000000/000000020000000000000004-ab.zst",
        "a/s/17-10/0000000200000000/000000020000000000000005.partial-ab.zst",
    )

    @property
    def client(self):
        return self

    def get_paginator(self, _):
        return self

    def paginate(self, Bucket, Prefix, Delimiter=None):
        keys = [key for key in self.keys if key.startswith(Prefix)]
        if Delimiter:
            below = {Prefix + key.removeprefix(Prefix).split("/")[0] + "/" for key in keys if "/" in key.removeprefix(Prefix)}
            return [{"CommonPrefixes": [{"Prefix": folder} for folder in below]}]
        return [{"Contents": [{"Key": key, "LastModified": self.came} for key in keys]}]


@pytest.mark.parametrize(("which", "segment"), [("last", "000000020000000000000004"), ("first", "000000010000000000000009")])
def test_the_newest_chapter_and_timeline_count(which, segment):
    assert check.segments(Bucket(), which)[0][0] == segment


def test_segments_have_their_place_whatever_the_timeline():
    assert check.index("000000020000000100000000") - check.index("0000000100000000000000FF") == 1
