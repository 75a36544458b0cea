"""A client of NATS, for verification: `write-read`, `create-stream` or `plaintext`, at URL as NATS_USER with NATS_PASSWORD."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import nats
import nats.errors
import nats.js.errors

from programs import client


async def connect() -> Any:
    """A connection; the first refusal is final."""
    said: list[Exception] = []

    async def hear(error: Exception) -> None:
        said.append(error)

    try:
        return await nats.connect(
            os.environ["URL"],
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


async def next_message(reader: Any, patience: float = 20) -> Any:
    """The next message. A consumer that was made this moment may have nobody yet who answers for it, on a crowded server."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return (await reader.fetch(1, timeout=10))[0]
        except nats.js.errors.ServiceUnavailableError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)


async def write_read() -> str:
    """An acknowledged message, as a consumer reads it from its stream."""
    subject = f"checks.verify.{time.time_ns()}"
    link = await connect()
    stream = link.jetstream(timeout=10)
    acknowledged = await stream.publish(subject, b"verified")
    reader = await stream.pull_subscribe(subject, stream=acknowledged.stream)
    message = await next_message(reader)
    await message.ack()
    assert message.data == b"verified"
    info = await stream.stream_info(acknowledged.stream)
    return f"message {acknowledged.seq} of {acknowledged.stream}, {info.config.num_replicas} copies, leader {info.cluster.leader}"


async def create_stream() -> None:
    """What only the keeper of the streams may do; the server says so beside the request, which stays without an answer."""
    said: asyncio.Queue[Exception] = asyncio.Queue()
    link = await connect()
    link._error_cb = said.put
    await link.publish("$JS.API.STREAM.CREATE.STRANGE", b'{"name": "STRANGE", "subjects": ["strange"]}')
    raise SystemExit(str(await asyncio.wait_for(said.get(), 10)))


async def plaintext() -> None:
    """Credentials without encryption."""
    target = urlsplit(os.environ["URL"])
    request = b'CONNECT {"verbose":true,"user":"%s","pass":"x"}\r\nPING\r\n' % os.environ["NATS_USER"].encode()
    client.plaintext(str(target.hostname), int(target.port or 4222), request, (b"+OK", b"PONG"), greeted=True)


MODES = {"write-read": write_read, "create-stream": create_stream, "plaintext": plaintext}

if __name__ == "__main__":
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of how the library and TLS end a connection
    print(asyncio.run(client.chosen(MODES)()))
