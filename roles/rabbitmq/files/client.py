"""A client of RabbitMQ, for verification: `write-read`, or `plaintext`, at HOST as RABBITMQ_USER with RABBITMQ_PASSWORD."""

import os
import ssl
import sys
import time

import pika

HOST = os.environ["HOST"]
QUEUE = f"checks.verify.{time.time_ns()}"


def connect(ssl_options):
    """A channel that confirms what it publishes."""
    login = pika.PlainCredentials(os.environ["RABBITMQ_USER"], os.environ["RABBITMQ_PASSWORD"])
    vhost = os.environ["RABBITMQ_VHOST"]
    parameters = pika.ConnectionParameters(HOST, int(os.environ["PORT"]), vhost, login, ssl_options=ssl_options, socket_timeout=5)
    try:
        channel = pika.BlockingConnection(parameters).channel()
    except pika.exceptions.AMQPError as error:
        raise SystemExit(repr(error)) from error
    channel.confirm_delivery()
    return channel


def write_read():
    """A confirmed message, as a consumer gets it, through a queue of its own that goes by itself should this fail."""
    channel = connect(pika.SSLOptions(ssl.create_default_context(cafile="/tls/ca.crt"), HOST))
    channel.queue_declare(QUEUE, durable=True, arguments={"x-expires": 60000})
    channel.basic_publish("", QUEUE, b"verified", mandatory=True)
    for _, _, body in channel.consume(QUEUE, auto_ack=True, inactivity_timeout=10):
        assert body == b"verified", body
        break
    channel.cancel()
    channel.queue_delete(QUEUE)
    return f"message through {QUEUE}"


def plaintext():
    """The same without encryption."""
    connect(None)
    return "connected"


print({"write-read": write_read, "plaintext": plaintext}[sys.argv[1]]())
