"""Mirrors in a directory: what is stored, what is linked, what is kept, and what tells a difference."""

from __future__ import annotations

import io
import json

import pytest

from programs.minio import mirror


@pytest.fixture
def place(monkeypatch, tmp_path):
    monkeypatch.setenv("BACKUP_SYSTEM", "minio")
    monkeypatch.setenv("BACKUP_KEEP", "2")
    return mirror.Directory(tmp_path)


def record(**changes):
    return {"bucket": "data", "key": "a/b", "size": 3, "sha256": "00", "type": "text/plain", "meta": {}} | changes


def test_what_was_written_is_read(place):
    place.write("1", "data/data/a/b", io.BytesIO(b"abc"))
    with place.open("1", "data/data/a/b") as stream:
        assert stream.read() == b"abc"


def test_what_has_not_changed_is_stored_once(place, tmp_path):
    place.write("1", "data/x", io.BytesIO(b"abc"))
    assert place.keep("2", "data/x", "1")
    assert (tmp_path / "1/data/x").samefile(tmp_path / "2/data/x")


def test_what_the_mirror_before_lost_is_fetched_anew(place):
    assert not place.keep("2", "data/x", "1")


def test_a_mirror_counts_once_its_contents_are_recorded(place):
    place.write("1", "data/x", io.BytesIO(b"abc"))
    with pytest.raises(LookupError):
        place.newest()
    place.finish("1", {"bucket data": {"count": 1, "digest": "00"}})
    assert place.newest() == ("1", {"bucket data": {"count": 1, "digest": "00"}})


def test_old_and_unfinished_mirrors_go(place, tmp_path, capsys):
    for backup in ("1", "3", "4"):
        place.write(backup, "data/x", io.BytesIO(b"abc"))
        if backup != "4":
            place.finish(backup, {})
    place.write("2", "data/x", io.BytesIO(b"abc"))
    capsys.readouterr()
    place.finish("4", {})
    assert json.loads(capsys.readouterr().out)["removed"] == ["1", "2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3", "4"]


def test_a_key_that_ends_like_a_folder_is_a_file():
    assert mirror.place(record(key="a/")) == "data/data/a%2F"


@pytest.mark.parametrize("change", [{"key": "a/c"}, {"size": 4}, {"sha256": "01"}, {"type": "x"}, {"meta": {"a": "b"}}])
def test_every_difference_shows(change):
    before = mirror.contents([{"bucket": "data"}, record()])
    assert before != mirror.contents([{"bucket": "data"}, record(**change)])


def test_an_empty_bucket_is_part_of_the_contents():
    assert mirror.contents([{"bucket": "empty"}, {"bucket": "data"}, record()])["bucket empty"]["count"] == 0


def test_a_reader_knows_what_was_read():
    reader = mirror.Reader(io.BytesIO(b"abc"))
    assert reader.read() == b"abc"
    assert (reader.size, reader.sha256[:8]) == (3, "ba7816bf")
