"""Whether the bucket keeps up with the server: `log`, the newest change is archived in time; `backup`, the last one is not old."""

from __future__ import annotations

import datetime
import time
from contextlib import closing

import psycopg2

from programs import client
from programs.archive import Archive

MOST_SECONDS = 300  # between a change and its copy
WAIT_SECONDS = 200  # for a server that has been idle: its log is closed some time after the first change
MOST_HOURS = 26  # between two daily backups


def folders(archive: Archive, below: str) -> list[str]:
    """Names of the folders below one."""
    pages = archive.client.get_paginator("list_objects_v2").paginate(Bucket=archive.bucket, Prefix=below, Delimiter="/")
    return [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])]


def segments(archive: Archive, which: str) -> list[tuple[str, datetime.datetime]]:
    """Segments of the log in the first or the last folder of the archive, as (name, when it came), oldest first."""
    below = archive.prefix
    while found := sorted(folders(archive, below), key=lambda name: (len(name), name)):  # 17-2 is older than 17-10
        below = found[-1 if which == "last" else 0]
    pages = archive.client.get_paginator("list_objects_v2").paginate(Bucket=archive.bucket, Prefix=below)
    keys = [(item["Key"].removeprefix(below), item["LastModified"]) for page in pages for item in page.get("Contents", [])]
    return sorted((name[:24], came) for name, came in keys if name[24:25] == "-")


def index(segment: str) -> int:
    """Place of a segment in the log, whatever the timeline."""
    return int(segment[8:16], 16) * 256 + int(segment[16:24], 16)


def age(moment: datetime.datetime) -> float:
    """Seconds since then."""
    return (datetime.datetime.now(datetime.UTC) - moment).total_seconds()


def log() -> str:
    """Make a change; at most the segment that it is in may be missing, and that one not for long."""
    archive = Archive("repository/archive/")
    with closing(psycopg2.connect()) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_walfile_name(pg_logical_emit_message(true, 'verify', 'now'))")
        ((current,),) = cursor.fetchall()
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        newest = "none"
        for newest, came in segments(archive, "last")[-1:]:
            seconds = age(came)
            if index(newest) >= index(current) - (seconds < MOST_SECONDS):
                return f"{newest} came {seconds:.0f} s ago"
            newest += f", {seconds:.0f} s old"
        if time.monotonic() > deadline:
            raise SystemExit(f"the server writes {current}; newest in the bucket: {newest}")
        time.sleep(3)


def backup() -> str:
    """The newest backup and its age; a site that began to archive only now may have none yet."""
    try:
        newest, _ = Archive("contents/").newest()
    except LookupError as error:
        first = segments(Archive("repository/archive/"), "first")
        if first and age(first[0][1]) > MOST_HOURS * 3600:
            raise SystemExit(str(error)) from error
        return "none yet, the schedule brings the first"
    hours = age(datetime.datetime.strptime(newest[:15] + "+0000", "%Y%m%d-%H%M%S%z")) / 3600
    if hours > MOST_HOURS:
        raise SystemExit(f"the newest is {newest}, {hours:.0f} h old")
    return f"{newest}, {hours:.1f} h old"


if __name__ == "__main__":
    print(client.chosen({"log": log, "backup": backup})())
