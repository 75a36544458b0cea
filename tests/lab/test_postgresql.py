"""PostgreSQL under failure, from outside: a stream of acknowledged writes, an event, and every acknowledged row is there.

Runs against the site that VOICEHELPER_SITE names (lab by default), with the kubectl and kubeconfig that its deployment left.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

CREDENTIALS = Path(__file__).parents[2] / "inventories" / os.environ.get("VOICEHELPER_SITE", "lab") / "credentials"
NAMESPACE = "voicehelper-storage"
LEADER = "app.kubernetes.io/name=postgres,app.kubernetes.io/component=master"
TABLE = "acknowledged"
BEFORE, AFTER = 5, 10  # seconds of undisturbed writing around the event

# Writes numbers one after the other, each in a transaction of its own, and says which were acknowledged and when.
WRITER = f"""
import psycopg2, time
target = ("host=postgres-master dbname=voicehelper user=voicehelper sslmode=verify-full sslrootcert=/tls/ca.crt connect_timeout=2 "
          "keepalives_idle=2 keepalives_interval=1 keepalives_count=2 tcp_user_timeout=3000")
connection = None
for number in range(10**9):
    try:
        if connection is None:
            connection = psycopg2.connect(target)
            connection.autocommit = True
        connection.cursor().execute("INSERT INTO {TABLE} VALUES (%s)", (number,))
        print(number, time.time(), flush=True)
        time.sleep(0.01)
    except psycopg2.Error as error:
        print("error", time.time(), str(error).splitlines()[0], flush=True)
        connection = None
        time.sleep(0.1)
"""


def kubectl(*arguments: str, text: str | None = None) -> str:
    """Run kubectl in the storage namespace; its output. Raises CalledProcessError with what it said."""
    command = [CREDENTIALS / "bin/kubectl", "--kubeconfig", CREDENTIALS / "kubeconfig", "--namespace", NAMESPACE, *arguments]
    done = subprocess.run(command, input=text, text=True, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, f"kubectl {' '.join(arguments)[:200]}: {done.stderr}"
    return done.stdout


def psql(pod: str, sql: str) -> str:
    """Run SQL in a member's pod, over its local socket."""
    return kubectl("exec", pod, "--", "psql", "-XAtq", "-U", "voicehelper", "-d", "voicehelper", "-c", sql).strip()


def leader() -> str:
    """The pod that leads; waits until there is exactly one."""
    return wait(lambda: (found := kubectl("get", "pods", "-l", LEADER, "-o", "name").split()) and len(found) == 1 and found[0][4:])


def wait(what: Callable, seconds: float = 120):
    """The first true value of `what`, which may fail meanwhile."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if found := what():
                return found
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        assert time.monotonic() < deadline, f"not in {seconds} s"
        time.sleep(0.5)


def whole() -> bool:
    """Whether every member is there and every replica streams, one of them synchronously."""
    wanted = int(kubectl("get", "statefulset", "postgres-master", "-o", "jsonpath={.spec.replicas}"))
    sql = "SELECT count(*) || ' ' || count(*) FILTER (WHERE sync_state = 'sync') FROM pg_stat_replication WHERE state = 'streaming'"
    streaming = kubectl("exec", leader(), "--", "psql", "-XAtq", "-U", "postgres", "-c", sql).split()
    return streaming == [str(wanted - 1), "1"]


@pytest.fixture
def writer() -> Iterator[str]:
    """A pod that writes all the time, not on the leader's node."""
    wait(whole, 300)
    image = kubectl("get", "statefulset", "postgres-master", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
    psql(leader(), f"DROP TABLE IF EXISTS {TABLE}; CREATE TABLE {TABLE} (number bigint PRIMARY KEY)")
    kubectl("create", "-f", "-", text=json.dumps(_writer_pod("postgres-writer", image)))
    try:
        wait(lambda: len(acknowledged("postgres-writer")) > 10)
        yield "postgres-writer"
    finally:
        kubectl("delete", "pod", "postgres-writer", "--grace-period=0", "--force")
        psql(leader(), f"DROP TABLE {TABLE}")


def _writer_pod(name: str, image: str) -> dict:
    password = {"name": "PGPASSWORD", "valueFrom": {"secretKeyRef": {"name": "postgres-credentials", "key": "application-password"}}}
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": dict(pair.split("=") for pair in LEADER.split(","))}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"voicehelper.local/access-postgresql": "true"}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}},
            "containers": [
                {
                    "name": "writer",
                    "image": image,
                    "command": ["python3", "-c", WRITER],
                    "env": [password],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [{"name": "authority", "mountPath": "/tls"}],
                }
            ],
            "volumes": [{"name": "authority", "secret": {"secretName": "postgres-tls", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}],
        },
    }


def acknowledged(pod: str) -> dict[int, float]:
    """When the writer got which number acknowledged."""
    lines = [line.split() for line in kubectl("logs", pod).splitlines()]
    return {int(words[0]): float(words[1]) for words in lines if words[0] != "error"}


@contextmanager
def undisturbed(pod: str) -> Iterator[dict]:
    """Let the writer write, let the caller do its worst, then judge: `silence` is the longest time without an acknowledged write."""
    time.sleep(BEFORE)
    judged: dict = {}
    yield judged
    resumed = time.time()
    wait(lambda: max(acknowledged(pod).values()) > resumed + AFTER)
    times = acknowledged(pod)
    moments = sorted(times.values())
    judged["silence"] = max(after - before for before, after in pairwise(moments))
    rows = {int(row) for row in psql(leader(), f"SELECT number FROM {TABLE}").split()}
    judged["lost"] = sorted(times.keys() - rows)
    judged["acknowledged"] = len(times)


def kill_processes(pod: str) -> None:
    """SIGKILL for everything in the container: server and Patroni at once, with no time to say goodbye."""
    kubectl("exec", pod, "-c", "postgres", "--", "sh", "-c", "kill -9 -1")


def delete(pod: str) -> None:
    """The pod goes as in a drain or an update."""
    kubectl("delete", "pod", pod, "--wait=false")


def delete_at_once(pod: str) -> None:
    """The pod goes without a grace period."""
    kubectl("delete", "pod", pod, "--grace-period=0", "--force")


@pytest.mark.parametrize(
    ("event", "bound"),
    [(delete, 10), (kill_processes, 60), (delete_at_once, 60)],
    ids=["leader-drained", "leader-killed", "leader-pod-lost"],
)
def test_no_acknowledged_write_is_lost(writer, event, bound, record_property):
    before = leader()
    with undisturbed(writer) as judged:
        event(before)
        time.sleep(1)
        wait(lambda: psql(leader(), "SELECT NOT pg_is_in_recovery()") == "t")
    wait(whole, 300)
    record_property("postgresql", f"{event.__name__}: {judged['silence']:.1f} s without writes, {len(judged['lost'])} lost")
    print(f"\n{event.__name__}: {before} → {leader()}, {judged['silence']:.1f} s without writes, {judged['acknowledged']} acknowledged")
    assert judged["lost"] == []
    assert judged["silence"] < bound


def test_dump_needs_no_password_on_any_member():
    """The guide's backup command works whichever member leads."""
    for pod in kubectl("get", "pods", "-l", "app.kubernetes.io/name=postgres", "-o", "name").split():
        dump = kubectl("exec", pod[4:], "--", "pg_dump", "-U", "voicehelper", "voicehelper")
        assert "\n-- PostgreSQL database dump complete\n" in dump
