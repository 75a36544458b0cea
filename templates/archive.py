"""Backups of one system in the S3 bucket, and the fingerprints that tell whether a restored one holds the same.

The macros of backup.j2 put this file beside a system's own programs and set the environment that it reads.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import time

CONTENTS = "contents.json"  # written last: a backup without it does not count
_ID = re.compile(r"\d{8}[T-]\d{6}\w")  # 20260131T020000Z, or as pgBackRest calls them, 20260131-020000F


class Archive:
    """The backups of the system that the environment names, as `<prefix><id>/<file>`.

    :param below: a folder of the prefix, with its slash, for a system that keeps other things there too.
    """

    def __init__(self, below=""):
        import boto3  # not every image has it, and not every user of this file needs it
        from botocore.config import Config

        self.bucket, self.prefix = os.environ["S3_BUCKET"], os.environ["S3_PREFIX"] + below
        self.client = boto3.client(
            "s3",
            endpoint_url=os.environ["S3_ENDPOINT"],
            aws_access_key_id=os.environ["S3_ACCESS_KEY"],
            aws_secret_access_key=os.environ["S3_SECRET_KEY"],
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, retries={"mode": "standard", "max_attempts": 6}),
        )

    def new_id(self):
        """Id of a backup that starts now; ids sort by time."""
        return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())

    def put(self, backup, name, path):
        """Store a file of a backup; big ones go in parts."""
        self.client.upload_file(str(path), self.bucket, self._key(backup, name))

    def get(self, backup, name, path):
        """Fetch a file of a backup to `path`."""
        self.client.download_file(self.bucket, self._key(backup, name), str(path))

    def files(self, backup):
        """Names of a backup's files and their bytes, without the contents."""
        sizes = {key.split("/", 1)[1]: size for key, size in self._keys(f"{backup}/")}
        return {name: size for name, size in sizes.items() if name != CONTENTS}

    def finish(self, backup, contents):
        """Record what the backup holds, which makes it count; remove what is no longer kept; say so as the job's result."""
        recorded = {"system": os.environ["BACKUP_SYSTEM"], "id": backup, "time": int(time.time()), "contents": contents}
        body = json.dumps(recorded, indent=1).encode()
        self.client.put_object(Bucket=self.bucket, Key=self._key(backup, CONTENTS), Body=body, ContentType="application/json")
        removed, sizes = self.prune(int(os.environ["BACKUP_KEEP"])), self.files(backup)
        print(json.dumps({"id": backup, "files": len(sizes), "bytes": sum(sizes.values()), "contents": contents, "removed": removed}))

    def newest(self):
        """(id, contents) of the newest backup that counts.

        :raises LookupError: there is none.
        """
        counting, _ = self._ids()
        if not counting:
            raise LookupError(f"found no backup in {self.bucket}/{self.prefix}; wanted one with {CONTENTS}")
        answer = self.client.get_object(Bucket=self.bucket, Key=self._key(counting[-1], CONTENTS))
        return counting[-1], json.load(answer["Body"])["contents"]

    def prune(self, keep):
        """Remove all but the newest `keep` backups that count, and what older runs left unfinished; the removed ids."""
        counting, unfinished = self._ids()
        old = counting[: -max(keep, 1)] + [backup for backup in unfinished if counting and backup < counting[-1]]
        for backup in old:
            keys = [self._key(key) for key, _ in self._keys(f"{backup}/")]
            for key in sorted(keys, key=lambda key: not key.endswith(CONTENTS)):  # from here on it does not count
                self.client.delete_object(Bucket=self.bucket, Key=key)
        return old

    def _ids(self):
        """Ids that count, and ids that do not; what else the system keeps below its prefix is no backup of this kind."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix, Delimiter="/")
        folders = [item["Prefix"].removeprefix(self.prefix)[:-1] for page in pages for item in page.get("CommonPrefixes", [])]
        ids = sorted(filter(_ID.fullmatch, folders))
        counting = [backup for backup in ids if self._keys(f"{backup}/{CONTENTS}")]
        return counting, [backup for backup in ids if backup not in counting]

    def _keys(self, below):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix + below)
        return [(item["Key"].removeprefix(self.prefix), item["Size"]) for page in pages for item in page.get("Contents", [])]

    def _key(self, *parts):
        return self.prefix + "/".join(parts)


def fingerprint(items):
    """Count and digest of some texts or bytes, in whatever order they come."""
    count = total = 0
    for item in items:
        count += 1
        total += int.from_bytes(hashlib.sha256(item.encode() if isinstance(item, str) else item).digest(), "big")
    return {"count": count, "digest": f"{total % 2**256:064x}"}


def compare(backup, recorded, found):
    """Print how restored contents compare with those recorded, then the findings as the job's result; exit 1 when any differs."""
    findings = [_finding(what, recorded.get(what), found.get(what)) for what in sorted(recorded.keys() | found.keys())]
    if not recorded:
        findings.append(_finding("contents", None, None))
    for finding in findings:
        print(f"{'same' if finding['ok'] else 'DIFFERS':8}{finding['check']:48}{finding['found']}", flush=True)
    print(json.dumps({"id": backup, "findings": findings}), flush=True)
    if not all(finding["ok"] for finding in findings):
        sys.exit(f"{backup}: what was restored differs from what was backed up")


def _finding(what, recorded, restored):
    ok = recorded is not None and recorded == restored
    found = _words(restored) if ok else f"backed up: {_words(recorded)}; restored: {_words(restored)}"
    return {"system": os.environ["BACKUP_SYSTEM"], "check": f"restored {what}", "ok": ok, "found": found}


def _words(contents):
    return f"{contents['count']} in it, digest {contents['digest'][:12]}" if contents else "nothing"
