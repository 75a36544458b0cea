"""A client of Kafka at HOST, for verification, that does what its argument names.

It comes as KAFKA_USER with KAFKA_PASSWORD; without these it says nothing about who it is.
"""

import logging
import os
import socket
import sys
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

HOST, USER, TOPIC = os.environ["HOST"], os.environ.get("KAFKA_USER"), "voicehelper.verify"
ACCOUNT = {
    "bootstrap_servers": HOST,
    "bootstrap_timeout_ms": 6000,
    "security_protocol": "SASL_SSL" if USER else "SSL",
    "ssl_cafile": "/tls/ca.crt",
    **(
        {"sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": USER, "sasl_plain_password": os.environ["KAFKA_PASSWORD"]}
        if USER
        else {}
    ),
}


class Refusals(logging.Handler):
    """The client goes on after a refusal until its time is over; what each attempt ended with."""

    def __init__(self):
        super().__init__()
        self.said = []

    def emit(self, record):
        if record.getMessage().startswith(("Bootstrap connection", "Bootstrap attempt")):
            self.said.append(record.getMessage())


def write_read():
    """A message that all copies have, as a consumer gets it from its place."""
    word = str(time.time_ns()).encode()
    with KafkaProducer(**ACCOUNT, acks="all") as producer:
        sent = producer.send(TOPIC, word).get(20)
    with KafkaConsumer(**ACCOUNT, enable_auto_commit=False) as reader:
        place = TopicPartition(TOPIC, sent.partition)
        reader.assign([place])
        reader.seek(place, sent.offset)
        found = [record.value for records in reader.poll(20000).values() for record in records]
    assert found[:1] == [word], found
    return f"message {sent.offset} of {TOPIC}-{sent.partition}"


def each_broker():
    """Every broker by its own name, as clients reach them."""
    brokers = os.environ["BROKERS"].split()
    for broker in brokers:
        KafkaAdminClient(**{**ACCOUNT, "bootstrap_servers": broker}).close()
    return f"{len(brokers)} brokers"


def foreign_topic():
    """What no rule allows."""
    return KafkaProducer(**ACCOUNT, acks="all", max_block_ms=8000).send("foreign", b"word").get(8)


def create_topic():
    """What only the administrator may do."""
    return KafkaAdminClient(**ACCOUNT).create_topics({f"{TOPIC}.new": {"num_partitions": 1}})


def plaintext():
    """A request without encryption (its size, ApiVersions 18 version 0, number 1, no name), straight to the socket."""
    name, _, port = HOST.rpartition(":")
    with socket.create_connection((name, int(port)), 5) as link:
        link.settimeout(5)
        link.sendall(bytes.fromhex("0000000a 0012 0000 00000001 ffff"))
        answer = link.recv(4096)
    if b"\x00\x00\x00\x01" not in answer:
        raise SystemExit(f"no answer in plain text, the connection was closed ({len(answer)} bytes)")


logger, refusals = logging.getLogger("kafka"), Refusals()
logger.handlers, logger.propagate = [refusals], False
try:
    print(globals()[sys.argv[1].replace("-", "_")]())
except (KafkaError, OSError) as error:
    raise SystemExit(f"{type(error).__name__}: {'; '.join(refusals.said) or error}") from error
