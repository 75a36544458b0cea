"""Mirrors every object of MinIO, as it is now, to the secondary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from programs.archive import new_id, s3_client
from programs.minio.mirror import OBJECTS, Place, Reader, Record, contents, objects, place, read, records, secondary

PARALLEL = 8
WRITTEN = Path("/work") / OBJECTS


class Before:
    """The records of the mirror before, read along in the order of buckets and keys."""

    def __init__(self, target: Place) -> None:
        self.id = ""
        self._records: Iterator[Record] = iter(())
        try:
            self.id, _ = target.newest()
            self._records = records(target, self.id)
        except LookupError:
            pass  # this one is the first
        self._record = next(self._records, None)

    def find(self, bucket: str, key: str) -> Record | None:
        """The record of an object, or None; to be asked in order."""
        while self._record and _position(self._record) < (bucket, key):
            self._record = next(self._records, None)
        return self._record if self._record and _position(self._record) == (bucket, key) else None


def _position(record: Record) -> tuple[str, str]:
    return record["bucket"], record.get("key", "")


def mirror(s3: Any, target: Place, backup: str, before: str, bucket: str, item: dict[str, Any], known: Record | None) -> Record | None:
    """Bring one object over; its record, or None when it has gone meanwhile.

    :param known: its record in the mirror `before`.
    """
    state = {"etag": item["ETag"], "modified": item["LastModified"].isoformat()}
    if known and state.items() <= known.items() and target.keep(backup, place(known), before):
        return known
    try:
        answer = s3.get_object(Bucket=bucket, Key=item["Key"])
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise
    record = {"bucket": bucket, "key": item["Key"], "etag": answer["ETag"], "modified": answer["LastModified"].isoformat()}
    stream = Reader(answer["Body"])
    target.write(backup, place(record), stream)
    return {**record, "size": stream.size, "sha256": stream.sha256, "type": answer["ContentType"], "meta": answer["Metadata"]}


def main() -> None:
    """One line of progress a bucket; the result last."""
    s3, target = s3_client("SOURCE"), secondary()
    backup, before = new_id(), Before(target)
    with ThreadPoolExecutor(PARALLEL) as pool, WRITTEN.open("w") as file:
        for bucket in sorted(item["Name"] for item in s3.list_buckets()["Buckets"]):
            file.write(json.dumps({"bucket": bucket}) + "\n")
            count = 0
            for page in objects(s3, bucket):
                known = [before.find(bucket, item["Key"]) for item in page]
                brought = pool.map(lambda item, old, name=bucket: mirror(s3, target, backup, before.id, name, item, old), page, known)
                lines = [json.dumps(record) + "\n" for record in brought if record]
                file.writelines(lines)
                count += len(lines)
            print(f"{bucket}: {count} objects", flush=True)
    with WRITTEN.open("rb") as file:
        target.write(backup, OBJECTS, file)
    target.finish(backup, contents(read(WRITTEN)))


if __name__ == "__main__":
    main()
