"""Whether Kafka can lose members: by which copies of every partition are in step, and by the controllers that vote.

Input: hosts (a broker's own address each), passwords (the administrator's, newest first), members and controllers (pods of the brokers, and
of controllers where they are on their own, in the order of their numbers).
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from kafka import KafkaAdminClient
from kafka import admin as a
from kafka.errors import KafkaError

from programs import membership
from programs.kafka.connection import ADMIN, account, listen
from programs.membership import Membership, Shared
from programs.protocol import Refusal, Wanted

Json = dict[str, Any]
LIMITS = {"bootstrap_timeout_ms": 1500, "request_timeout_ms": 2000, "reconnect_backoff_max_ms": 500}
LATE = 5000  # milliseconds that a voter may be behind
LEAST = "min.insync.replicas"


def entered(wanted: Wanted) -> KafkaAdminClient:
    """A connection by way of the first broker that answers: one that is gone would take all the time that there is.

    :raises Refusal: there is none.
    """
    refusals = listen()
    pool = ThreadPoolExecutor(len(wanted["hosts"]))
    try:
        for password in dict.fromkeys(wanted["passwords"]):
            tried = [pool.submit(lambda h=host, p=password: KafkaAdminClient(**account(h, ADMIN, p), **LIMITS)) for host in wanted["hosts"]]
            for attempt in as_completed(tried):
                if not attempt.exception():
                    return attempt.result()
            if not refusals.seen:
                break
        raise Refusal(f"no broker lets the administrator in: {'; '.join(refusals.said[-3:])}")
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def needs(admin: KafkaAdminClient, topics: list[Json]) -> dict[str, int]:
    """How many copies in step each topic needs to take a message that all of them acknowledge."""
    asked = [a.ConfigResource(a.ConfigResourceType.TOPIC, topic["name"], [LEAST]) for topic in topics]
    found = admin.describe_configs(asked, config_filter="all").get("topic", {}) if asked else {}
    return {topic["name"]: int((found.get(topic["name"], {}).get(LEAST) or {}).get("value") or 1) for topic in topics}


def partitions(topics: list[Json], least: dict[str, int], pods: dict[int, str]) -> Iterator[tuple[str, Shared]]:
    """Every partition as (the pod that leads it, its copies)."""
    for topic in topics:
        for part in topic.get("partitions") or []:
            current = set(part.get("isr_nodes") or [])
            copies = [(pods.get(broker, str(broker)), broker in current) for broker in part.get("replica_nodes") or []]
            name = f"partition {topic['name']}-{part['partition_index']}"
            yield pods.get(part.get("leader_id", -1), ""), Shared(name, copies, min(least[topic["name"]], len(copies)), least=1)


def voters(quorum: Json, pods: dict[int, str]) -> tuple[str, Shared]:
    """The controllers as (the pod that leads them, those of them that are in step)."""
    part = quorum["topics"][0]["partitions"][0]
    caught_up = {voter["replica_id"]: voter.get("last_caught_up_timestamp") or -1 for voter in part["current_voters"]}
    leader = part["leader_id"]
    newest = caught_up.get(leader, -1)
    copies = {pods.get(each, str(each)): each == leader or (seen > 0 and newest - seen < LATE) for each, seen in caught_up.items()}
    return pods.get(leader, ""), Shared.quorum("controllers", copies)


def judged(topics: list[Json], least: dict[str, int], brokers: list[Json], quorum: Json, wanted: Wanted) -> Membership:
    """What follows from the answers of the cluster."""
    pods = dict(enumerate(wanted["members"])) | {int(f"10{n}"): pod for n, pod in enumerate(wanted["controllers"])}
    there = [pods.get(broker["broker_id"]) for broker in brokers if not broker.get("is_fenced")]
    found = Membership()
    found.why += [f"{pod} does not serve" for pod in wanted["members"] if pod not in there]
    shared = [voters(quorum, pods), *partitions(topics, least, pods)]
    found.leaders += [leader for leader, _ in shared if leader]
    found.why += [f"{thing.name}: nobody leads it" for leader, thing in shared if not leader]
    found.judge([thing for _, thing in shared], wanted["lost"])
    return found


def ask(wanted: Wanted) -> Membership:
    """See programs.membership."""
    with entered(wanted) as admin:
        topics = admin.describe_topics()
        return judged(topics, needs(admin, topics), admin.describe_cluster()["brokers"], admin.describe_metadata_quorum(), wanted)


if __name__ == "__main__":
    membership.tell(ask, KafkaError)
