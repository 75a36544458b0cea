"""The systems that are put to the test: where a client's credentials are, who leads, when all is well, and what is promised."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tests.chaos.cluster import APPLICATION, NAMESPACE, PLATFORM, ClusterError, Member, kubectl, members, objects


class Client(Protocol):
    """A program that runs as a client of a system, such as a stream of writes."""

    system: System

    def ask(self, mode: str) -> str:
        """What it prints in another mode. Raises ClusterError when it fails."""


@dataclass(frozen=True)
class State:
    """Who leads what the client writes to, as a pod's name, host name or address; whether every member has caught up, or why not."""

    leader: str
    whole: bool
    why: str = ""


def asked(client: Client) -> State:
    """What the client's own program finds out."""
    try:
        found = json.loads(client.ask("state").splitlines()[-1])
        return State(found["leader"] or "", found["whole"], found.get("why", ""))
    except (IndexError, KeyError, ValueError) as error:
        raise ClusterError(f"{client.system.name}: no state: {error!r}") from error


def postgresql(_client: Client) -> State:
    """By Patroni's label; whole when every other member streams, one of them synchronously."""
    pods = objects("pods", "--selector=app.kubernetes.io/name=postgres,app.kubernetes.io/component=master")
    if len(pods) != 1:
        raise ClusterError(f"{len(pods)} leaders")
    leader = pods[0]["metadata"]["name"]
    sql = "SELECT count(*) || ' ' || count(*) FILTER (WHERE sync_state = 'sync') FROM pg_stat_replication WHERE state = 'streaming'"
    streaming, synchronous = kubectl("exec", leader, "--container=postgres", "--", "psql", "-XAtqU", "postgres", "-c", sql).split()
    wanted = objects("statefulset", "postgres-master")[0]["spec"]["replicas"] - 1
    whole = int(streaming) == wanted and (not wanted or synchronous == "1")
    return State(leader, whole, f"{streaming} of {wanted} replicas stream, {synchronous} synchronously")


@dataclass(frozen=True, eq=False)
class System:
    """A system and how to watch it.

    `workload` is the StatefulSet of its members, `container` the one that serves, each by default of the system's name; both are in
    `namespace`, the client's pod is in that of storage. `spare` is how many members may be away at once. `promise` says which setting keeps
    acknowledged writes; `may_lose` names events that it does not cover, and why. `secrets` gives variables of the client's program as
    (Secret, key), `settings` as plain text. `bounds` replaces an event's bound on the seconds without writes.
    """

    name: str
    promise: str
    secrets: dict[str, tuple[str, str]]
    workload: str = ""
    container: str = ""
    namespace: str = NAMESPACE
    settings: dict[str, str] = field(default_factory=dict)
    state: Callable[[Client], State] = asked
    spare: int = 1
    may_lose: dict[str, str] = field(default_factory=dict)
    bounds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part in ("workload", "container"):
            object.__setattr__(self, part, getattr(self, part) or self.dashed)

    @property
    def dashed(self) -> str:
        """Its name, as Kubernetes takes it."""
        return self.name.replace("_", "-")

    @property
    def replicas(self) -> int:
        """How many members it should have; 0 when it is not deployed."""
        found = objects("statefulsets", f"--field-selector=metadata.name={self.workload}", f"--namespace={self.namespace}")
        return found[0]["spec"]["replicas"] if found else 0

    def members(self) -> list[Member]:
        """Its members that are on a node, by name."""
        return members(self.workload, self.namespace)


SYSTEMS = [
    System(
        name="postgresql",
        workload="postgres-master",
        container="postgres",
        promise="`synchronous_mode`: a commit is acknowledged when a replica has it on its disk too",
        secrets={"PGPASSWORD": ("postgres-credentials", "application-password")},
        state=postgresql,
    ),
    System(
        name="redis",
        workload="redis-cluster",
        promise="`WAIT 1`: a write counts when the replica has it too; the cluster itself acknowledges it before",
        secrets={"REDIS_PASSWORD": ("redis-credentials", "application-password")},
        spare=2,  # never a primary and its own replica on one node
    ),
    System(
        name="minio",
        promise="erasure code with a write quorum: three of four drives have an object before it is acknowledged",
        secrets={"MINIO_PASSWORD": ("minio-credentials", "operator-password")},
    ),
    System(
        name="neo4j",
        promise="a transaction is in the log on the disk before it is acknowledged, in a cluster on a majority of disks",
        secrets={"NEO4J_PASSWORD": ("neo4j-credentials", "admin-password")},
    ),
    System(
        name="elasticsearch",
        promise="`index.translog.durability: request`: a document is on the disk of every copy in step before it is acknowledged",
        secrets={"ES_PASSWORD": ("elasticsearch-credentials", "application-password")},
        settings={"URL": "https://elasticsearch:9200", "ES_USER": PLATFORM["platform_name"]},
    ),
    System(
        name="nats",
        promise="a stream on three members with `sync_interval: always`: a message is on the disks of two before it is acknowledged",
        secrets={"NATS_PASSWORD": ("nats-credentials", "keeper-password")},
        settings={"NATS_USER": "keeper"},
    ),
    System(
        name="kafka",
        promise="`acks=all` and `min.insync.replicas: 2`: two brokers have a message, in memory, before it is acknowledged",
        secrets={"KAFKA_ADMIN_PASSWORD": ("kafka-credentials", "admin-password")},
    ),
    System(
        name="rabbitmq",
        promise="quorum queues and publisher confirms: a message is on the disks of two members before it is confirmed",
        secrets={"RABBITMQ_PASSWORD": ("rabbitmq-credentials", "admin-password")},
        settings={"RABBITMQ_USER": "admin"},
    ),
    System(
        name="faiss_service",
        promise="an added vector is in the writer's log on its disk before it is acknowledged; readers follow that log",
        secrets={},
        namespace=APPLICATION,
        settings={"URL": f"http://faiss-client.{APPLICATION}:8081", "WRITER": f"http://faiss-service-0.faiss-service.{APPLICATION}:8081"},
        spare=0,  # without the writer nothing is written
    ),
]
