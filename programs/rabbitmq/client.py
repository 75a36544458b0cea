"""A client of RabbitMQ, for verification: `write-read`, or `plaintext`, at HOST and PORT as RABBITMQ_USER with RABBITMQ_PASSWORD."""

from __future__ import annotations

import os
import ssl
import time
from typing import Any

import pika
import pika.exceptions

from programs import client


def connect(ssl_options: pika.SSLOptions | None) -> Any:
    """A channel that confirms what it publishes."""
    login = pika.PlainCredentials(os.environ["RABBITMQ_USER"], os.environ["RABBITMQ_PASSWORD"])
    host, port, vhost = os.environ["HOST"], int(os.environ["PORT"]), os.environ["RABBITMQ_VHOST"]
    parameters = pika.ConnectionParameters(host, port, vhost, login, ssl_options=ssl_options, socket_timeout=5)
    try:
        channel = pika.BlockingConnection(parameters).channel()
    except pika.exceptions.AMQPError as error:
        raise SystemExit(repr(error)) from error
    channel.confirm_delivery()
    return channel


def write_read() -> str:
    """A confirmed message, as a consumer gets it, through a queue of its own that goes by itself should this fail."""
    queue = f"checks.verify.{time.time_ns()}"
    channel = connect(pika.SSLOptions(ssl.create_default_context(cafile="/tls/ca.crt"), os.environ["HOST"]))
    channel.queue_declare(queue, durable=True, arguments={"x-expires": 60000})
    channel.basic_publish("", queue, b"verified", mandatory=True)
    for _, _, body in channel.consume(queue, auto_ack=True, inactivity_timeout=10):
        assert body == b"verified", body
        break
    channel.cancel()
    channel.queue_delete(queue)
    return f"message through {queue}"


def plaintext() -> str:
    """The same without encryption."""
    connect(None)
    return "connected"


MODES = {"write-read": write_read, "plaintext": plaintext}

if __name__ == "__main__":
    print(client.chosen(MODES)())
