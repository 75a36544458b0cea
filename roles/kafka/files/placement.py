"""Brokers that hold nothing, as after scaling up, take their share of the copies; then every partition has all of its own.

Runs in the toolbox; see the module toolbox_program. Copies between brokers that have some stay where they are.
"""

import json
import socket
import sys
import time
from collections import Counter

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError


def shares(copies, racks):
    """Partitions whose copies move, as few as it takes to give each empty broker as many as the others have on average.

    copies: partition → its brokers. racks: broker → rack. No partition gets into fewer racks than before.
    """
    load, moved = Counter(broker for brokers in copies.values() for broker in brokers), {}
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


def partitions(admin):
    """Every partition as (partition, brokers of its copies, those that are up to date)."""
    for topic in admin.describe_topics():
        for part in topic["partitions"]:
            yield TopicPartition(topic["name"], part["partition_index"]), list(part["replica_nodes"]), list(part["isr_nodes"])


def lacking(admin):
    """Partitions that lack a copy; those that are just moving do not count."""
    moving = admin.list_partition_reassignments()
    return [f"{p.topic}-{p.partition}" for p, copies, current in partitions(admin) if len(current) < len(copies) and p not in moving]


def absent(host):
    """Whether there is no broker of that name."""
    try:
        return not socket.getaddrinfo(host.split(":")[0], None)
    except socket.gaierror:
        return True


def main():
    """One run."""
    wanted = json.load(sys.stdin)
    if wanted["check"] and absent(wanted["host"]):  # it would come with this very run
        print(json.dumps({"actions": []}))
        return
    admin = KafkaAdminClient(
        bootstrap_servers=wanted["host"],
        security_protocol="SASL_SSL",
        ssl_cafile="/tls/ca.crt",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username="admin",
        sasl_plain_password=wanted["password"],
    )
    racks = {broker["broker_id"]: broker["rack"] for broker in admin.describe_cluster()["brokers"] if not broker.get("is_fenced")}
    moved = shares({partition: copies for partition, copies, _ in partitions(admin)}, racks)
    answer = admin.alter_partition_reassignments(moved) if moved and not wanted["check"] else {}
    if refused := {partition: str(reason) for partition, reason in answer.items() if reason}:
        raise SystemExit(f"refused: {refused}")
    deadline = time.monotonic() + int(wanted["patience"])
    while not wanted["check"] and (missing := lacking(admin)):
        if time.monotonic() > deadline:
            raise SystemExit(f"partitions without all their copies: {', '.join(missing[:10])}")
        time.sleep(1)
    print(json.dumps({"actions": [f"MOVE COPIES OF {len(moved)} PARTITIONS"] if moved else []}))


try:
    main()
except KafkaError as error:
    raise SystemExit(f"{type(error).__name__}: {error}") from error
