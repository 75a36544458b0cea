"""Whether PostgreSQL's archive keeps up, as the check of it counts."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from programs.postgresql import check, fetch

NOW = datetime.datetime.now(datetime.UTC)


class Bucket:
    """Stands for an S3 client: keys with their age in seconds."""

    def __init__(self, ages):
        self.ages = ages

    def get_paginator(self, _):
        return self

    def paginate(self, Bucket, Prefix, Delimiter=None):
        keys = sorted(key for key in self.ages if key.startswith(Prefix))
        if Delimiter:
            folders = {Prefix + key.removeprefix(Prefix).split("/")[0] + "/" for key in keys if "/" in key.removeprefix(Prefix)}
            return [{"CommonPrefixes": [{"Prefix": name} for name in sorted(folders)]}]
        return [{"Contents": [{"Key": key, "LastModified": NOW - datetime.timedelta(seconds=self.ages[key])} for key in keys]}]


BELOW = "postgresql/repository/archive/"
SEGMENTS = {
    f"{BELOW}voice/17-2/0000000100000000/0000000100000000000000FE-aa.gz": 9000,
    f"{BELOW}voice/17-10/0000000200000001/000000020000000100000000-bb.gz": 60,
    f"{BELOW}voice/17-10/0000000200000001/000000020000000100000000.00000028.backup": 10,
}


@pytest.fixture
def archive(monkeypatch):
    """``archive(newest, current)``: the bucket with SEGMENTS and a newest backup, and a server that writes `current`."""

    def make(newest="", current="", ages=SEGMENTS):
        def newest_one():
            if not newest:
                raise LookupError("found no backup")
            return newest, {}

        made = SimpleNamespace(bucket="backup", prefix=BELOW, client=Bucket(ages), newest=newest_one)
        monkeypatch.setattr(check, "Archive", lambda below: made)
        cursor = SimpleNamespace(execute=lambda sql: None, fetchall=lambda: [(current,)])
        monkeypatch.setattr(check.psycopg2, "connect", lambda: Connection(cursor))
        monkeypatch.setattr(check, "WAIT_SECONDS", -1)
        monkeypatch.setattr(check, "age", lambda moment: (NOW - moment).total_seconds())  # however long the test takes
        return made

    return make


class Connection:
    """A connection with one cursor; both are context managers, as psycopg2's are."""

    def __init__(self, cursor):
        self._cursor = cursor

    def cursor(self):
        return Connection(self._cursor)

    def __enter__(self):
        return self._cursor

    def __exit__(self, *_):
        pass

    def close(self):
        pass


@pytest.mark.parametrize("current", ["000000020000000100000000", "000000020000000100000001"])
def test_the_segment_that_is_written_may_be_missing(archive, current):
    archive(current=current)
    assert check.log().startswith("000000020000000100000000 came 60 s ago")


def test_two_that_are_missing_are_a_finding(archive):
    archive(current="000000020000000100000002")
    with pytest.raises(SystemExit, match="newest in the bucket: 000000020000000100000000, 60 s old"):
        check.log()
    archive(current="000000020000000100000001", ages={key: age + 1000 for key, age in SEGMENTS.items()})
    with pytest.raises(SystemExit, match="the server writes"):
        check.log()
    archive(current="000000020000000100000001", ages={})
    with pytest.raises(SystemExit, match="newest in the bucket: none"):
        check.log()


def test_an_old_backup_is_a_finding(archive):
    archive(newest=f"{NOW - datetime.timedelta(hours=3):%Y%m%d-%H%M%S}F")
    assert check.backup().endswith("3.0 h old")
    archive(newest=f"{NOW - datetime.timedelta(hours=30):%Y%m%d-%H%M%S}F")
    with pytest.raises(SystemExit, match="30 h old"):
        check.backup()


def test_a_site_that_began_today_may_have_no_backup(archive):
    archive()
    assert check.backup().startswith("none yet")
    archive(ages={key: age + 30 * 3600 for key, age in SEGMENTS.items()})
    with pytest.raises(SystemExit, match="found no backup"):
        check.backup()


@pytest.mark.parametrize("moment", ["", "2026-01-31 02:00:00+00"])
def test_the_restore_gets_the_programs_and_for_a_comparison_what_was_recorded(monkeypatch, tmp_path, moment):
    archive = SimpleNamespace(newest=lambda: ("id", {"a": 1}), get=lambda backup, name, path: Path(path).write_text("point"))
    monkeypatch.setattr(fetch, "WORK", tmp_path)
    monkeypatch.setattr(fetch, "Archive", lambda below: archive)
    monkeypatch.setenv("MOMENT", moment)
    fetch.main()
    assert (tmp_path / "programs/postgresql/restore.py").is_file()
    assert (tmp_path / "recorded.json").exists() is not bool(moment)
    if not moment:
        assert json.loads((tmp_path / "recorded.json").read_text()) == {"id": "id", "contents": {"a": 1}}
