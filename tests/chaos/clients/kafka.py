"""Messages through Kafka: `write` has numbers acknowledged by all copies, `read` prints those that are there, `state` who leads, `clean`.

KAFKA_ADMIN_PASSWORD is the administrator's (Secret kafka-credentials, key admin-password): the topic `chaos` is made here.
"""

import json
import os
import sys
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, TopicAlreadyExistsError

TOPIC, PARTITIONS = "chaos", 3
ACCOUNT = {
    "bootstrap_servers": [f"kafka-{number}.kafka.voicehelper-storage.svc:9092" for number in range(3)],
    "bootstrap_timeout_ms": 3000,
    "request_timeout_ms": 3000,
    "reconnect_backoff_max_ms": 500,
    "security_protocol": "SASL_SSL",
    "ssl_cafile": "/tls/ca.crt",
    "sasl_mechanism": "SCRAM-SHA-512",
    "sasl_plain_username": "admin",
    "sasl_plain_password": os.environ["KAFKA_ADMIN_PASSWORD"],
}


def prepare():
    """The topic, as safe as those of the application; and a producer that tries each message once."""
    with KafkaAdminClient(**ACCOUNT) as admin:
        try:
            topic = {"num_partitions": PARTITIONS, "replication_factor": 3, "configs": {"min.insync.replicas": "2"}}
            admin.create_topics({TOPIC: topic}, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            pass
    return KafkaProducer(**ACCOUNT, acks="all", retries=0, enable_idempotence=False, max_block_ms=3000, delivery_timeout_ms=3000)


def write():
    """Never ends by itself."""
    producer, number = None, int(time.time() * 1000)
    while True:
        number += 1
        try:
            if producer is None:
                producer = prepare()
            producer.send(TOPIC, str(number).encode(), partition=number % PARTITIONS).get(timeout=3)
            print(number, time.time(), flush=True)
            time.sleep(float(os.environ["PAUSE"]))
        except KafkaError as error:
            print("error", time.time(), f"{type(error).__name__}: {error}".splitlines()[0], flush=True)
            time.sleep(0.1)


def read():
    """Every number up to what each partition had when this began."""
    places = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
    with KafkaConsumer(**ACCOUNT, enable_auto_commit=False) as consumer:
        consumer.assign(places)
        ends = consumer.end_offsets(places)
        consumer.seek_to_beginning(*places)
        deadline = time.monotonic() + 120
        while any(consumer.position(place) < ends[place] for place in places):
            if time.monotonic() > deadline:
                raise SystemExit(f"not read to the end: {ends}")
            for records in consumer.poll(1000).values():
                for record in records:
                    print(record.value.decode())


def state():
    """Who leads partition 0, and whether every partition of every topic has all its copies."""
    with KafkaAdminClient(**ACCOUNT) as admin:
        topics = {topic["name"]: topic["partitions"] for topic in admin.describe_topics()}
        brokers = {broker["broker_id"] for broker in admin.describe_cluster()["brokers"] if not broker.get("is_fenced")}
    lacking = [name for name, parts in topics.items() if any(len(part["isr_nodes"]) < len(part["replica_nodes"]) for part in parts)]
    leaders = {part["partition_index"]: part["leader_id"] for part in topics.get(TOPIC, [])}
    why = f"brokers {sorted(brokers)}, topics without all copies: {lacking}"
    print(json.dumps({"leader": f"kafka-{leaders.get(0, 0)}", "whole": len(brokers) == 3 and not lacking, "why": why}))


def clean():
    """Leave nothing."""
    with KafkaAdminClient(**ACCOUNT) as admin:
        if TOPIC in admin.list_topics():
            admin.delete_topics([TOPIC])


{"write": write, "read": read, "state": state, "clean": clean}[sys.argv[1]]()
