"""Backups as an operator makes and proves them: every system's round trip, a difference that is found, and a moment that is had back."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator

import pytest

from lab import workload
from tests import stages
from tests.chaos.cluster import NAMESPACE, ClusterError, kubectl, objects
from tests.chaos.stream import Stream
from tests.chaos.systems import SYSTEMS

pytestmark = pytest.mark.long

SECONDS = 1800
BUCKET = "local/voicehelper-backup/postgresql"
LEADER = "app.kubernetes.io/name=postgres,app.kubernetes.io/component=master"


def report(name: str) -> list[dict]:
    """The findings that a playbook left."""
    return json.loads((stages.topology().inventory / f"credentials/{name}.json").read_text())["findings"]


def sql(statement: str) -> str:
    """Run SQL on the leader, in the application's database."""
    (pod,) = objects("pods", f"--selector={LEADER}")
    return kubectl("exec", pod["metadata"]["name"], "--", "psql", "-XAtq", "-U", "postgres", "-d", "voicehelper", "-c", statement).strip()


def mc(*words: str, text: str | None = None) -> str:
    """Run MinIO's client as the operator."""
    return kubectl("exec", *(["--stdin"] if text is not None else []), "minio-0", "--", "mc", "--quiet", *words, text=text)


def jobs() -> set[str]:
    """The systems that have a backup job."""
    names = {item["metadata"]["name"] for item in objects("cronjobs")}
    return {name.removesuffix("-backup") for name in names if name.endswith("-backup")}


@pytest.fixture(scope="module")
def backed_up() -> Iterator[list[dict]]:
    """Every system holds what a client wrote and has just been backed up; what that found."""
    streams = [Stream(system) for system in SYSTEMS if system.name in jobs()]
    for stream in streams:
        stream.start()
        stream.stop()
    code, output = stages.run("playbooks/backup.yml", seconds=SECONDS)
    assert code == 0, output
    yield report("backup")
    for stream in streams:
        stream.start()
        stream.close()


def test_every_system_is_restored_as_it_was_backed_up(backed_up):
    assert {finding["check"] for finding in backed_up} == jobs()
    code, output = stages.run("playbooks/restore.yml", seconds=SECONDS)
    assert code == 0, output
    held = {finding["check"] for finding in report("restore") if " in it, " in finding["detail"] and not finding["detail"].startswith("0 ")}
    assert held == jobs()
    with pytest.raises(ClusterError, match="NotFound"):
        kubectl("get", "namespace", "voicehelper-restore")


def test_a_difference_is_found_and_named(backed_up):
    newest = max(mc("find", f"{BUCKET}/contents", "--name", "contents.json").split())
    recorded = mc("cat", newest)
    changed = json.loads(recorded)
    changed["contents"]["tables of voicehelper"]["count"] += 1
    mc("pipe", newest, text=json.dumps(changed))
    try:
        code, output = stages.run("playbooks/restore.yml", "--tags=postgresql", seconds=SECONDS)
        assert code != 0, output
    finally:
        mc("pipe", newest, text=recorded)
    wrong = [finding["target"] for finding in report("restore") if finding["result"] != "ok"]
    assert wrong == ["restored tables of voicehelper", "postgresql-restore"]


@pytest.fixture
def moment(backed_up):
    """A moment at which a table was full that is empty now; both are in the archive."""
    sql("DROP TABLE IF EXISTS moments; CREATE TABLE moments AS SELECT generate_series(1, 500) AS number")
    time.sleep(2)
    when = sql("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || '+00'")
    time.sleep(2)
    sql("DELETE FROM moments")
    segment = sql("SELECT pg_walfile_name(pg_switch_wal())")
    deadline = time.monotonic() + 300
    while sql("SELECT last_archived_wal FROM pg_stat_archiver")[:24] < segment:
        assert time.monotonic() < deadline, f"{segment} is not archived"
        time.sleep(2)
    yield when
    sql("DROP TABLE moments")


def test_what_was_there_at_a_moment_is_had_back(moment):
    options = ["--tags=postgresql", "--extra-vars", json.dumps({"postgresql_restore_moment": moment})]
    code, output = stages.run("playbooks/restore.yml", *options, seconds=SECONDS)
    assert code == 0, output
    inside = [*workload.kubectl(stages.topology().inventory), f"--namespace={NAMESPACE}", "exec", "--stdin"]
    dump = f"{BUCKET}/moments/{moment.replace(' ', 'T')}/voicehelper.dump"
    fetched = subprocess.run([*inside, "minio-0", "--", "mc", "cat", dump], capture_output=True, timeout=60, check=True).stdout
    words = ["postgres-master-0", "--", "pg_restore", "--data-only", "--table=moments", "--file=-"]
    rows = subprocess.run([*inside, *words], input=fetched, capture_output=True, timeout=60, check=True).stdout.decode()
    assert len([line for line in rows.splitlines() if line.isdigit()]) == 500
