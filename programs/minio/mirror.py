"""Where MinIO's objects are mirrored to, and what describes them there.

A mirror is `<id>/data/<bucket>/<key>`, beside it `<id>/objects.jsonl` with a line for each bucket and each object, and at last
contents.json. Objects that have not changed since the mirror before are not fetched again: they are links, or copies inside the other S3.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

from programs.archive import CONTENTS, Archive, Contents, fingerprint, s3_client

T = TypeVar("T")
Record = dict[str, Any]  # of a bucket, or with `key` of an object
OBJECTS = "objects.jsonl"
CHUNK = 1 << 20


class Readable(Protocol):
    """A stream to read."""

    def read(self, amount: int = ..., /) -> bytes: ...


def records(target: Place, backup: str) -> Iterator[Record]:
    """The records of a mirror, one after the other, however many there are."""
    copy = Path(f"/work/{backup}.jsonl")
    with target.open(backup, OBJECTS) as stream, copy.open("wb") as file:
        shutil.copyfileobj(stream, file, CHUNK)
    return read(copy)


def read(path: Path) -> Iterator[Record]:
    """The records in a file."""
    with path.open() as lines:
        yield from map(json.loads, lines)


def portions(items: Iterable[T], size: int = 1000) -> Iterator[list[T]]:
    """Items in lists of a size that memory has room for."""
    items = iter(items)
    while portion := list(islice(items, size)):
        yield portion


def objects(s3: Any, bucket: str) -> Iterator[list[dict[str, Any]]]:
    """Every object of a bucket, in the order of the keys, by pages."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield page.get("Contents", [])


def place(record: Record) -> str:
    """Name of an object's data inside a mirror; a key that ends like a folder is a file all the same."""
    key = record["key"]
    return f"data/{record['bucket']}/{key[:-1] + '%2F' if key.endswith('/') else key}"


def contents(found: Iterable[Record]) -> Contents:
    """Fingerprint of each bucket, from records in the order of their buckets."""
    what = ("key", "size", "sha256", "type", "meta")
    return {
        f"bucket {bucket}": fingerprint(json.dumps([record[name] for name in what]) for record in group if "key" in record)
        for bucket, group in groupby(found, key=lambda record: record["bucket"])
    }


class Reader:
    """A stream that knows the bytes and the digest of what was read from it."""

    def __init__(self, stream: Readable) -> None:
        self._stream, self._digest, self.size = stream, hashlib.sha256(), 0

    def read(self, amount: int | None = CHUNK) -> bytes:
        """The next bytes."""
        data = self._stream.read(CHUNK if amount is None or amount < 0 else amount)
        self._digest.update(data)
        self.size += len(data)
        return data

    @property
    def sha256(self) -> str:
        """Digest of what was read so far."""
        return self._digest.hexdigest()


class Bucket(Archive):
    """Mirrors in a bucket of another S3."""

    def __init__(self) -> None:
        self.bucket, self.prefix = os.environ["TARGET_BUCKET"], os.environ["TARGET_PREFIX"]
        self.client = s3_client("TARGET", os.environ["TARGET_AUTHORITY"])

    def write(self, backup: str, name: str, stream: Readable) -> None:
        """Store what a stream gives."""
        self.client.upload_fileobj(stream, self.bucket, self._key(backup, name))

    def open(self, backup: str, name: str) -> Any:
        """A stream of what is stored, to be closed."""
        return self.client.get_object(Bucket=self.bucket, Key=self._key(backup, name))["Body"]

    def keep(self, backup: str, name: str, before: str) -> bool:
        """Take over what the mirror `before` has; whether it has it."""
        try:
            self.client.copy({"Bucket": self.bucket, "Key": self._key(before, name)}, self.bucket, self._key(backup, name))
        except self.client.exceptions.ClientError:
            return False
        return True


class Directory:
    """Mirrors below a directory."""

    def __init__(self, root: Path | str) -> None:
        self._root = Path(root)

    def write(self, backup: str, name: str, stream: Readable) -> None:
        """Store what a stream gives."""
        target = self._path(backup, name)
        with target.open("wb") as file:
            shutil.copyfileobj(stream, file, CHUNK)

    def open(self, backup: str, name: str) -> BinaryIO:
        """A stream of what is stored, to be closed."""
        return (self._root / backup / name).open("rb")

    def keep(self, backup: str, name: str, before: str) -> bool:
        """Take over what the mirror `before` has; whether it has it."""
        try:
            os.link(self._root / before / name, self._path(backup, name))
        except FileNotFoundError:
            return False
        return True

    def newest(self) -> tuple[str, Contents]:
        """(id, contents) of the newest mirror that counts.

        :raises LookupError: there is none.
        """
        found = sorted(self._root.glob(f"*/{CONTENTS}"))
        if not found:
            raise LookupError(f"found no mirror in {self._root}; wanted one with {CONTENTS}")
        return found[-1].parent.name, json.loads(found[-1].read_text())["contents"]

    def finish(self, backup: str, recorded: Contents) -> None:
        """Record what the mirror holds, which makes it count; remove what is no longer kept; say so as the job's result."""
        os.sync()
        self._path(backup, CONTENTS).write_text(json.dumps({"system": os.environ["BACKUP_SYSTEM"], "id": backup, "contents": recorded}))
        os.sync()
        removed = self._prune(int(os.environ["BACKUP_KEEP"]))
        print(json.dumps({"id": backup, "contents": recorded, "removed": removed}), flush=True)

    def _prune(self, keep: int) -> list[str]:
        counting = [path.parent for path in sorted(self._root.glob(f"*/{CONTENTS}"))]
        unfinished = [path for path in self._root.iterdir() if path.is_dir() and path.name < counting[-1].name and path not in counting]
        old = counting[: -max(keep, 1)] + unfinished
        for path in old:
            (path / CONTENTS).unlink(missing_ok=True)  # from here on it does not count
            shutil.rmtree(path)
        return [path.name for path in old]

    def _path(self, backup: str, name: str) -> Path:
        path = self._root / backup / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


Place = Bucket | Directory


def secondary() -> Place:
    """The place that the environment names."""
    return Bucket() if "TARGET_ENDPOINT" in os.environ else Directory("/mirror")
