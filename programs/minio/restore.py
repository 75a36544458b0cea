"""Puts the newest mirror into a MinIO of its own, reads everything back and compares it with what was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from programs.archive import compare, s3_client
from programs.minio.mirror import CHUNK, Place, Reader, Record, contents, objects, place, portions, records, secondary
from programs.waiting import until

PARALLEL = 8
PATIENCE = 60  # seconds in which the server beside must serve


def wait(s3: Any) -> None:
    """Return when the server serves."""
    from botocore.exceptions import BotoCoreError, ClientError

    until(s3.list_buckets, PATIENCE, faults=(BotoCoreError, ClientError))


def put(s3: Any, source: Place, backup: str, record: Record) -> int:
    """Put one object back; 1."""
    with source.open(backup, place(record)) as stream:
        extra = {"ContentType": record["type"], "Metadata": record["meta"]}
        s3.upload_fileobj(stream, record["bucket"], record["key"], ExtraArgs=extra)
    return 1


def everything(s3: Any, pool: ThreadPoolExecutor) -> Iterator[Record]:
    """Records of all that is there."""
    for bucket in sorted(item["Name"] for item in s3.list_buckets()["Buckets"]):
        yield {"bucket": bucket}
        for page in objects(s3, bucket):
            yield from pool.map(lambda item, name=bucket: found(s3, name, item), page)


def found(s3: Any, bucket: str, item: dict[str, Any]) -> Record:
    """The record of an object, from reading all of it."""
    answer = s3.get_object(Bucket=bucket, Key=item["Key"])
    stream = Reader(answer["Body"])
    while stream.read(CHUNK):
        pass
    state = {"size": stream.size, "sha256": stream.sha256, "type": answer["ContentType"], "meta": answer["Metadata"]}
    return {"bucket": bucket, "key": item["Key"], **state}


def main() -> None:
    """The findings as the last line; exit 1 when anything differs."""
    s3, source = s3_client("SCRATCH"), secondary()
    backup, recorded = source.newest()
    wait(s3)
    with ThreadPoolExecutor(PARALLEL) as pool:
        count = 0
        for portion in portions(records(source, backup)):
            for record in portion:
                if "key" not in record:
                    s3.create_bucket(Bucket=record["bucket"])
            wanted = [record for record in portion if "key" in record]
            count += sum(pool.map(lambda record: put(s3, source, backup, record), wanted))
        print(f"{backup}: {count} objects put back, now read", flush=True)
        compare(backup, recorded, contents(everything(s3, pool)))


if __name__ == "__main__":
    main()
