"""A client of NATS, for verification: `write-read`, `create-stream` or `plaintext`, at URL as NATS_USER with NATS_PASSWORD."""

import asyncio
import logging
import os
import socket
import ssl
import sys
import time
from urllib.parse import urlsplit

import nats

logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of how the library and TLS end a connection
URL = os.environ["URL"]
SUBJECT = f"checks.verify.{time.time_ns()}"


async def connect():
    """A connection; the first refusal is final."""
    said = []

    async def hear(error):
        said.append(error)

    try:
        return await nats.connect(
            URL,
            user=os.environ.get("NATS_USER"),
            password=os.environ.get("NATS_PASSWORD"),
            tls=ssl.create_default_context(cafile="/tls/ca.crt"),
            connect_timeout=4,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            error_cb=hear,
        )
    except (nats.errors.Error, OSError) as error:
        raise SystemExit(f"{error} {said[-1:]}") from error


async def next_message(reader, patience=20):
    """The next message. A consumer that was made this moment may have nobody yet who answers for it, on a crowded server."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return (await reader.fetch(1, timeout=10))[0]
        except nats.js.errors.ServiceUnavailableError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)


async def write_read():
    """An acknowledged message, as a consumer reads it from its stream."""
    link = await connect()
    stream = link.jetstream(timeout=10)
    acknowledged = await stream.publish(SUBJECT, b"verified")
    reader = await stream.pull_subscribe(SUBJECT, stream=acknowledged.stream)
    message = await next_message(reader)
    await message.ack()
    assert message.data == b"verified"
    info = await stream.stream_info(acknowledged.stream)
    return f"message {acknowledged.seq} of {acknowledged.stream}, {info.config.num_replicas} copies, leader {info.cluster.leader}"


async def create_stream():
    """What only the keeper of the streams may do; the server says so beside the request, which stays without an answer."""
    said = asyncio.Queue()
    link = await connect()
    link._error_cb = said.put
    await link.publish("$JS.API.STREAM.CREATE.STRANGE", b'{"name": "STRANGE", "subjects": ["strange"]}')
    raise SystemExit(str(await asyncio.wait_for(said.get(), 10)))


async def plaintext():
    """Credentials without encryption, straight to the socket."""
    target = urlsplit(URL)
    with socket.create_connection((target.hostname, target.port), 5) as link:
        link.settimeout(5)
        link.recv(4096)
        link.sendall(b'CONNECT {"verbose":true,"user":"%s","pass":"x"}\r\nPING\r\n' % os.environ["NATS_USER"].encode())
        answer = link.recv(4096)
    if b"+OK" not in answer and b"PONG" not in answer:
        raise SystemExit(f"no answer in plain text, the connection was closed ({len(answer)} bytes)")


print(asyncio.run({"write-read": write_read, "create-stream": create_stream, "plaintext": plaintext}[sys.argv[1]]()))
