"""Backups in the bucket: which count, which go, and what a comparison says."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from programs import archive


class Bucket:
    """Stands for an S3 client: objects in a dictionary, listed in pages of two."""

    def __init__(self):
        self.objects = {}

    def get_paginator(self, _):
        return self

    def paginate(self, Bucket, Prefix, Delimiter=None):
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        if Delimiter:
            folders = sorted({Prefix + key.removeprefix(Prefix).split("/")[0] + "/" for key in keys if "/" in key.removeprefix(Prefix)})
            return [{"CommonPrefixes": [{"Prefix": name} for name in folders[n : n + 2]]} for n in range(0, len(folders), 2)]
        return [{"Contents": [{"Key": key, "Size": len(self.objects[key])} for key in keys[n : n + 2]]} for n in range(0, len(keys), 2)]

    def upload_file(self, path, bucket, key):
        self.objects[key] = Path(path).read_bytes()

    def put_object(self, Bucket, Key, Body, ContentType):
        self.objects[Key] = Body

    def get_object(self, Bucket, Key):
        return {"Body": io.BytesIO(self.objects[Key])}

    def delete_object(self, Bucket, Key):
        del self.objects[Key]


@pytest.fixture
def store(monkeypatch):
    made = archive.Archive.__new__(archive.Archive)
    made.bucket, made.prefix, made.client = "backups", "redis/", Bucket()
    monkeypatch.setenv("BACKUP_SYSTEM", "redis")
    monkeypatch.setenv("BACKUP_KEEP", "2")
    return made


@pytest.fixture
def backup(store, tmp_path):
    file = tmp_path / "dump"
    file.write_text("data")

    def make(day, finish=True):
        store.put(f"202601{day:02d}T000000Z", "dump", file)
        if finish:
            store.finish(f"202601{day:02d}T000000Z", {"keys": archive.fingerprint(["a"])})

    return make


def ids(store):
    return sorted({key.split("/")[1] for key in store.client.objects})


def test_the_newest_counts_only_when_it_is_finished(store, backup):
    backup(1)
    backup(2, finish=False)
    found, contents = store.newest()
    assert found == "20260101T000000Z"
    assert contents["keys"]["count"] == 1


def test_without_a_finished_one_there_is_none(store, backup):
    backup(1, finish=False)
    with pytest.raises(LookupError, match="no backup in backups/redis/"):
        store.newest()


def test_only_the_newest_stay_and_nothing_else_is_touched(store, backup):
    store.client.objects |= {"redis/repository/index-0": b"", "redis/latest": b"", "neo4j/20200101T000000Z/dump": b""}
    backup(1, finish=False)  # left by a run that was killed
    for day in (2, 3, 4):
        backup(day)
    backup(5, finish=False)  # of a run that goes on
    assert ids(store) == ["20200101T000000Z", "20260103T000000Z", "20260104T000000Z", "20260105T000000Z", "latest", "repository"]


def test_the_result_says_what_was_stored(store, backup, capsys):
    backup(1)
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result | {"contents": {}} == {"id": "20260101T000000Z", "files": 1, "bytes": 4, "contents": {}, "removed": []}


def test_a_fingerprint_knows_contents_and_not_their_order():
    assert archive.fingerprint(["a", b"b", "b"]) == archive.fingerprint([b"b", "b", "a"])
    assert archive.fingerprint(["a"]) != archive.fingerprint(["b"])
    assert archive.fingerprint(["a", "a"])["digest"] != archive.fingerprint([])["digest"]


def compared(capsys, recorded, found):
    """(exit code, findings) of a comparison."""
    code = 0
    try:
        archive.compare("20260101T000000Z", recorded, found)
    except SystemExit as error:
        code = error.code
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])["findings"]


ONE, OTHER = archive.fingerprint(["a"]), archive.fingerprint(["b"])


def test_the_same_contents_are_well(store, capsys):
    code, findings = compared(capsys, {"table a": ONE}, {"table a": ONE})
    assert not code
    assert findings == [{"system": "redis", "check": "restored table a", "ok": True, "found": f"1 in it, digest {ONE['digest'][:12]}"}]


@pytest.mark.parametrize(
    ("recorded", "found", "words"),
    [
        ({"table a": ONE}, {"table a": OTHER}, "backed up: 1 in it"),
        ({"table a": ONE}, {}, "restored: nothing"),
        ({}, {"table a": ONE}, "backed up: nothing"),
        ({}, {}, "backed up: nothing; restored: nothing"),
    ],
)
def test_any_difference_fails_and_is_named(store, capsys, recorded, found, words):
    code, findings = compared(capsys, recorded, found)
    assert code
    assert words in findings[0]["found"]
