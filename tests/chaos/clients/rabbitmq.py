"""Numbers through RabbitMQ: `write`, `read`, `state`, `clean` of the quorum queue `chaos`.

RABBITMQ_USER and RABBITMQ_PASSWORD are the administrator's, who may ask about queues: `admin`, rabbitmq-credentials, key admin-password.
RABBITMQ_VHOST names the virtual host, voicehelper by default.
"""

import json
import os
import signal
import ssl
import sys
import time
from urllib.parse import quote

import pika
import requests

QUEUE = "chaos"
HOST = os.environ.get("RABBITMQ_HOST", "rabbitmq")
VHOST = os.environ.get("RABBITMQ_VHOST", "voicehelper")
USER, PASSWORD = os.environ["RABBITMQ_USER"], os.environ["RABBITMQ_PASSWORD"]
QUORUM = {"x-queue-type": "quorum", "x-delivery-limit": 100000}  # what `read` puts back counts as delivered
PATIENCE = 3  # seconds
LATE = 100  # entries of the log that a copy may be behind: a few seconds of writing
MOST = 2**16 - 1  # messages that a consumer may hold
ERRORS = (pika.exceptions.AMQPError, OSError)


def connect():
    """A channel that confirms what it publishes; blocked or silent for long, it fails. Takes no longer than its timeouts."""
    parameters = pika.ConnectionParameters(
        HOST,
        5671,
        VHOST,
        pika.PlainCredentials(USER, PASSWORD),
        ssl_options=pika.SSLOptions(ssl.create_default_context(cafile="/tls/ca.crt"), HOST),
        socket_timeout=PATIENCE,
        stack_timeout=2 * PATIENCE,
        blocked_connection_timeout=PATIENCE,
        heartbeat=4,
        tcp_options={"TCP_USER_TIMEOUT": PATIENCE * 1000},
    )
    channel = pika.BlockingConnection(parameters).channel()
    channel.confirm_delivery()
    return channel


def late(*_):
    """A confirm, or a broker, that takes too long."""
    raise TimeoutError("no answer")


def write():
    """One number after the other; never ends by itself."""
    channel, number = None, int(os.environ["START"])
    signal.signal(signal.SIGALRM, late)
    while True:
        try:
            if channel is None:
                channel = connect()
                channel.queue_declare(QUEUE, durable=True, arguments=QUORUM)
            signal.setitimer(signal.ITIMER_REAL, PATIENCE)
            channel.basic_publish("", QUEUE, str(number).encode(), pika.BasicProperties(delivery_mode=2), mandatory=True)
            signal.setitimer(signal.ITIMER_REAL, 0)
            print(number, time.time(), flush=True)
        except ERRORS as error:
            signal.setitimer(signal.ITIMER_REAL, 0)
            print("error", time.time(), str(error) or type(error).__name__, flush=True)
            channel = None
        number += 1
        time.sleep(float(os.environ["PAUSE"]))


def read():
    """Every number of the queue; they go back when the connection ends."""
    channel = connect()
    count = channel.queue_declare(QUEUE, passive=True).method.message_count
    if count:
        channel.basic_qos(prefetch_count=min(count, MOST))  # a quorum queue gives a consumer without a limit 2000
        for seen, (_, _, body) in enumerate(channel.consume(QUEUE, inactivity_timeout=20), 1):
            if body is None:
                sys.exit(f"found {seen - 1} of {count} messages")
            print(body.decode())
            if seen == count:
                break
    channel.connection.close()


def state():
    """Who leads the queue, and whether every copy is there and as far as the others, give or take what is being written."""

    def ask(*path):
        address = "/".join([f"https://{HOST}:15672/api/queues", *(quote(part, safe="") for part in path)])
        answer = requests.get(address, auth=(USER, PASSWORD), verify="/tls/ca.crt", timeout=20)
        answer.raise_for_status()
        return answer.json()

    queue = ask(VHOST, QUEUE)
    away = sorted(set(queue["members"]) - set(queue["online"]))
    copies = {copy["Node Name"]: copy["Last Log Index"] for copy in ask("quorum", VHOST, QUEUE, "status")}
    known = [index for index in copies.values() if isinstance(index, int)]
    whole = not away and len(known) == 3 and max(known) - min(known) < LATE
    leader = queue["leader"].removeprefix("rabbit@").split(".")[0]
    print(json.dumps({"leader": leader, "whole": whole, "why": "" if whole else f"away: {away}, copies: {copies}"}))


def clean():
    """The queue goes."""
    connect().queue_delete(QUEUE)


{"write": write, "read": read, "state": state, "clean": clean}[sys.argv[1]]()
