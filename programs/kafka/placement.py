"""Brokers that hold nothing, as after scaling up, take their share of the copies; then every partition has all of its own.

Copies between brokers that have some stay where they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError

from programs import protocol
from programs.kafka.connection import ADMIN, absent, account
from programs.protocol import Absent, Actions, Refusal, Wanted
from programs.waiting import until


def shares(copies: dict[TopicPartition, list[int]], racks: dict[int, str]) -> dict[TopicPartition, list[int]]:
    """Partitions whose copies move, as few as it takes to give each empty broker as many as the others have on average.

    copies: partition → its brokers. racks: broker → rack. No partition gets into fewer racks than before.
    """
    load = Counter(broker for brokers in copies.values() for broker in brokers)
    moved: dict[TopicPartition, list[int]] = {}
    share = sum(load.values()) // len(racks)
    for empty in [broker for broker in racks if not load[broker]]:
        for partition in sorted(copies, key=lambda partition: (partition.partition, partition.topic)):
            before = moved.get(partition, copies[partition])
            giver = max(before, key=lambda broker: load[broker])
            after = [empty if broker == giver else broker for broker in before]
            keeps_apart = len({racks.get(broker) for broker in after}) >= len({racks.get(broker) for broker in before})
            if load[empty] < share < load[giver] and empty not in before and keeps_apart:
                moved[partition] = after
                load.update({empty: 1, giver: -1})
    return moved


def partitions(admin: KafkaAdminClient) -> Iterator[tuple[TopicPartition, list[int], list[int]]]:
    """Every partition as (partition, brokers of its copies, those that are up to date)."""
    for topic in admin.describe_topics():
        for part in topic["partitions"]:
            yield TopicPartition(topic["name"], part["partition_index"]), list(part["replica_nodes"]), list(part["isr_nodes"])


def lacking(admin: KafkaAdminClient) -> list[str]:
    """Partitions that lack a copy; those that are just moving do not count."""
    moving = admin.list_partition_reassignments()
    return [f"{p.topic}-{p.partition}" for p, copies, current in partitions(admin) if len(current) < len(copies) and p not in moving]


def converge(wanted: Wanted, actions: Actions) -> None:
    """See programs.protocol."""
    if actions.check and absent(wanted["host"]):
        raise Absent(f"there is no {wanted['host']}")
    with KafkaAdminClient(**account(wanted["host"], ADMIN, wanted["password"])) as admin:
        racks = {broker["broker_id"]: broker["rack"] for broker in admin.describe_cluster()["brokers"] if not broker.get("is_fenced")}
        moved = shares({partition: copies for partition, copies, _ in partitions(admin)}, racks)
        if moved and actions.add(f"MOVE COPIES OF {len(moved)} PARTITIONS"):
            answer = admin.alter_partition_reassignments(moved)
            if refused := {partition: str(reason) for partition, reason in answer.items() if reason}:
                raise Refusal(f"refused: {refused}")
        if not actions.check and not until(lambda: not lacking(admin), protocol.patience(wanted), faults=KafkaError):
            raise Refusal(f"partitions without all their copies: {', '.join(lacking(admin)[:10])}")


if __name__ == "__main__":
    protocol.keep(converge, KafkaError)
