"""What a cluster remembers of the vault that it was last run with, so that an older copy of the file is known for one.

Of each entry it keeps when that last changed and a keyed hash; what the vault makes is random, so a hash gives nothing of it away.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Collection
from datetime import UTC, datetime

from bootstrap.kube.api import KubeApi
from bootstrap.secrets.guard import PERMISSION
from bootstrap.secrets.store import Entry

RECORD = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "voicehelper-vault", "namespace": "kube-system"}}
MANAGER = "voicehelper-vault"
SALT = "salt"  # no entry of the vault has this name
REMEDY = (
    "Nothing was changed. Copy the vault's file from the controller that has the newer one (docs/how-to/replace-secrets.md). What was "
    f"changed here by hand, or is really lost, counts by name: -e confirm={PERMISSION}NAME[,…]."
)

Record = dict[str, str]  # name of an entry → "time hash", and the salt


def date(before: dict[str, Entry], entries: dict[str, Entry]) -> None:
    """Note in each entry that differs from `before` when that was, in seconds (UTC): later than before, whatever this clock says."""
    for name, entry in entries.items():
        old = before.get(name, {})
        if entry != old:
            entry["since"] = max(int(time.time()), old.get("since", 0) + 1)


def read(api: KubeApi) -> Record:
    """What the cluster remembers; empty where it was never told. Raises ApiError."""
    return (api.get(RECORD) or {}).get("data", {})


def outdated(path: str, entries: dict[str, Entry], names: Collection[str], record: Record, confirmed: list[str]) -> list[str]:
    """Lines about those of `names` of which the cluster has seen another value than the file at `path` holds, unless that is newer."""
    lines, missing = [], []
    for name in sorted(record.keys() & set(names)):
        since, digest = record[name].split()
        entry = entries.get(name)
        if PERMISSION + name in confirmed:
            continue
        if not entry:
            missing.append(name)
        elif _digest(record.get(SALT, ""), name, entry) != digest and entry.get("since", 0) <= int(since):
            there, here = (_day(int(when)) for when in (since, entry.get("since", 0)))
            lines.append(f"{name}: found that of {here} in {path}; wanted that of {there}, which the cluster was run with since.")
    if missing:
        lines.append(f"{', '.join(missing)}: found nothing in {path}; wanted what the cluster was run with.")
    return lines


def write(api: KubeApi, entries: dict[str, Entry], record: Record, dry_run: bool = False) -> bool:
    """Have the cluster remember these entries, beside others of a later version; gives whether it has to be told. Raises ApiError."""
    salt = record.get(SALT) or secrets.token_hex(16)
    since = {name: int(record.get(name, "0").split()[0]) for name in entries}  # stays where an entry that was put together has none
    wanted = {name: f"{max(since[name], entry.get('since', 0))} {_digest(salt, name, entry)}" for name, entry in entries.items()}
    wanted = {**record, **wanted, SALT: salt}
    if wanted != record and not dry_run:
        api.apply({**RECORD, "data": wanted}, MANAGER)
    return wanted != record


def _digest(salt: str, name: str, entry: Entry) -> str:
    told = {part: value for part, value in entry.items() if part != "since"}
    return hmac.new(salt.encode(), json.dumps([name, told], sort_keys=True).encode(), hashlib.sha256).hexdigest()


def _day(since: int) -> str:
    return datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d %H:%M") if since else "before times were noted"
