"""A client of Kafka at HOST, for verification, that does what its argument names.

It comes as KAFKA_USER with KAFKA_PASSWORD; without these it says nothing about who it is.
"""

from __future__ import annotations

import os
import time
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from programs import client
from programs.kafka.connection import account, listen

TOPIC = "voicehelper.verify"


def options(host: str = "") -> dict[str, Any]:
    """Arguments of a connection, to another place than HOST where one is given."""
    user = os.environ.get("KAFKA_USER")
    return account(host or os.environ["HOST"], user, os.environ["KAFKA_PASSWORD"] if user else None) | {"bootstrap_timeout_ms": 2500}


def write_read() -> str:
    """A message that all copies have, as a consumer gets it from its place."""
    word = str(time.time_ns()).encode()
    with KafkaProducer(**options(), acks="all") as producer:
        sent = producer.send(TOPIC, word).get(20)
    with KafkaConsumer(**options(), enable_auto_commit=False) as reader:
        place = TopicPartition(TOPIC, sent.partition)
        reader.assign([place])
        reader.seek(place, sent.offset)
        found = [record.value for records in reader.poll(20000).values() for record in records]
    assert found[:1] == [word], found
    return f"message {sent.offset} of {TOPIC}-{sent.partition}"


def each_broker() -> str:
    """Every broker by its own name, as clients reach them."""
    brokers = os.environ["BROKERS"].split()
    for broker in brokers:
        KafkaAdminClient(**options(broker)).close()
    return f"{len(brokers)} brokers"


def foreign_topic() -> Any:
    """What no rule allows."""
    return KafkaProducer(**options(), acks="all", max_block_ms=8000).send("foreign", b"word").get(8)


def create_topic() -> Any:
    """What only the administrator may do."""
    return KafkaAdminClient(**options()).create_topics({f"{TOPIC}.new": {"num_partitions": 1}})


def plaintext() -> None:
    """A request without encryption: its size, ApiVersions 18 version 0, number 1, no name."""
    name, _, port = os.environ["HOST"].rpartition(":")
    client.plaintext(name, int(port), bytes.fromhex("0000000a 0012 0000 00000001 ffff"), (b"\x00\x00\x00\x01",))


MODES = {
    "write-read": write_read,
    "each-broker": each_broker,
    "foreign-topic": foreign_topic,
    "create-topic": create_topic,
    "plaintext": plaintext,
}


def main() -> None:
    refusals = listen()
    try:
        print(client.chosen(MODES)())
    except (KafkaError, OSError) as error:
        raise SystemExit(f"{type(error).__name__}: {'; '.join(refusals.said) or error}") from error


if __name__ == "__main__":
    main()
