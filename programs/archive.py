"""Backups of one system in the S3 bucket, and the fingerprints that tell whether a restored one holds the same.

The macros of templates/backup.j2 set the environment that it reads.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Fingerprint = dict[str, Any]  # {count, digest}
Contents = dict[str, Fingerprint]  # by what it is of

CONTENTS = "contents.json"  # written last: a backup without it does not count
_ID = re.compile(r"\d{8}[T-]\d{6}\w")  # 20260131T020000Z, or as pgBackRest calls them, 20260131-020000F


def s3_client(prefix: str, verify: str | None = None) -> Any:
    """Client of the S3 that the environment names: <prefix>_ENDPOINT, <prefix>_ACCESS_KEY, <prefix>_SECRET_KEY.

    :param verify: path of the CAs that vouch for it, instead of those in AWS_CA_BUNDLE.
    """
    import boto3  # not every image has it, and not every user of this file needs it
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=os.environ[f"{prefix}_ENDPOINT"],
        aws_access_key_id=os.environ[f"{prefix}_ACCESS_KEY"],
        aws_secret_access_key=os.environ[f"{prefix}_SECRET_KEY"],
        region_name="us-east-1",
        verify=verify,
        config=Config(s3={"addressing_style": "path"}, retries={"mode": "standard", "max_attempts": 6}),
    )


def new_id() -> str:
    """Id of a backup that starts now; ids sort by time."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


class Archive:
    """The backups of the system that the environment names, as `<prefix><id>/<file>`.

    :param below: a folder of the prefix, with its slash, for a system that keeps other things there too.
    """

    def __init__(self, below: str = "") -> None:
        self.bucket, self.prefix = os.environ["S3_BUCKET"], os.environ["S3_PREFIX"] + below
        self.client = s3_client("S3")

    def put(self, backup: str, name: str, path: Path | str) -> None:
        """Store a file of a backup; big ones go in parts."""
        self.client.upload_file(str(path), self.bucket, self._key(backup, name))

    def get(self, backup: str, name: str, path: Path | str) -> None:
        """Fetch a file of a backup to `path`."""
        self.client.download_file(self.bucket, self._key(backup, name), str(path))

    def files(self, backup: str) -> dict[str, int]:
        """Names of a backup's files and their bytes, without the contents."""
        sizes = {key.split("/", 1)[1]: size for key, size in self._keys(f"{backup}/")}
        return {name: size for name, size in sizes.items() if name != CONTENTS}

    def finish(self, backup: str, contents: Contents) -> None:
        """Record what the backup holds, which makes it count; remove what is no longer kept; say so as the job's result."""
        recorded = {"system": os.environ["BACKUP_SYSTEM"], "id": backup, "time": int(time.time()), "contents": contents}
        body = json.dumps(recorded, indent=1).encode()
        self.client.put_object(Bucket=self.bucket, Key=self._key(backup, CONTENTS), Body=body, ContentType="application/json")
        removed, sizes = self.prune(int(os.environ["BACKUP_KEEP"])), self.files(backup)
        print(json.dumps({"id": backup, "files": len(sizes), "bytes": sum(sizes.values()), "contents": contents, "removed": removed}))

    def newest(self) -> tuple[str, Contents]:
        """(id, contents) of the newest backup that counts.

        :raises LookupError: there is none.
        """
        counting, _ = self._ids()
        if not counting:
            raise LookupError(f"found no backup in {self.bucket}/{self.prefix}; wanted one with {CONTENTS}")
        answer = self.client.get_object(Bucket=self.bucket, Key=self._key(counting[-1], CONTENTS))
        return counting[-1], json.load(answer["Body"])["contents"]

    def prune(self, keep: int) -> list[str]:
        """Remove all but the newest `keep` backups that count, and what older runs left unfinished; the removed ids."""
        counting, unfinished = self._ids()
        old = counting[: -max(keep, 1)] + [backup for backup in unfinished if counting and backup < counting[-1]]
        for backup in old:
            keys = [self._key(key) for key, _ in self._keys(f"{backup}/")]
            for key in sorted(keys, key=lambda key: not key.endswith(CONTENTS)):  # from here on it does not count
                self.client.delete_object(Bucket=self.bucket, Key=key)
        return old

    def _ids(self) -> tuple[list[str], list[str]]:
        """Ids that count, and ids that do not; what else the system keeps below its prefix is no backup of this kind."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix, Delimiter="/")
        folders = [item["Prefix"].removeprefix(self.prefix)[:-1] for page in pages for item in page.get("CommonPrefixes", [])]
        ids = sorted(filter(_ID.fullmatch, folders))
        counting = [backup for backup in ids if self._keys(f"{backup}/{CONTENTS}")]
        return counting, [backup for backup in ids if backup not in counting]

    def _keys(self, below: str) -> list[tuple[str, int]]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix + below)
        return [(item["Key"].removeprefix(self.prefix), item["Size"]) for page in pages for item in page.get("Contents", [])]

    def _key(self, *parts: str) -> str:
        return self.prefix + "/".join(parts)


def fingerprint(items: Iterable[str | bytes]) -> Fingerprint:
    """Count and digest of some texts or bytes, in whatever order they come."""
    count = total = 0
    for item in items:
        count += 1
        total += int.from_bytes(hashlib.sha256(item.encode() if isinstance(item, str) else item).digest(), "big")
    return {"count": count, "digest": f"{total % 2**256:064x}"}


def compare(backup: str, recorded: Contents, found: Contents) -> None:
    """Print how restored contents compare with those recorded, then the findings as the job's result; exit 1 when any differs."""
    findings = [_finding(what, recorded.get(what), found.get(what)) for what in sorted(recorded.keys() | found.keys())]
    if not recorded:
        findings.append(_finding("contents", None, None))
    for finding in findings:
        print(f"{'same' if finding['ok'] else 'DIFFERS':8}{finding['check']:48}{finding['found']}", flush=True)
    print(json.dumps({"id": backup, "findings": findings}), flush=True)
    if not all(finding["ok"] for finding in findings):
        sys.exit(f"{backup}: what was restored differs from what was backed up")


def _finding(what: str, recorded: Fingerprint | None, restored: Fingerprint | None) -> dict[str, Any]:
    ok = recorded is not None and recorded == restored
    found = _words(restored) if ok else f"backed up: {_words(recorded)}; restored: {_words(restored)}"
    return {"system": os.environ["BACKUP_SYSTEM"], "check": f"restored {what}", "ok": ok, "found": found}


def _words(contents: Fingerprint | None) -> str:
    return f"{contents['count']} in it, digest {contents['digest'][:12]}" if contents else "nothing"
