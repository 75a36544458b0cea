"""Numbers through JetStream: `write`, `read`, `state`, `clean` of the stream `chaos`, kept on three members.

NATS_USER and NATS_PASSWORD are the keeper's, who may make streams: `keeper` with nats-credentials, key keeper-password.
"""

import asyncio
import json
import logging
import os
import ssl
import sys
import time
from contextlib import suppress

import nats
from nats.js.api import AckPolicy, ConsumerConfig, StreamConfig

logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of how the library and TLS end a connection
STREAM = "chaos"
SUBJECT = "chaos.numbers"
CONFIG = StreamConfig(name=STREAM, subjects=["chaos.>"], num_replicas=3, max_age=24 * 3600, max_bytes=32 * 2**20)
PATIENCE = 2  # seconds for an acknowledgement
ERRORS = (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError)


async def hear(_error):
    """What fails is told where it fails."""


async def connect():
    """A connection that comes back by itself, to any member."""
    return await nats.connect(
        os.environ.get("NATS_URL", "tls://nats:4222"),
        user=os.environ["NATS_USER"],
        password=os.environ["NATS_PASSWORD"],
        tls=ssl.create_default_context(cafile="/tls/ca.crt"),
        connect_timeout=PATIENCE,
        reconnect_time_wait=0.2,
        max_reconnect_attempts=-1,
        ping_interval=1,
        max_outstanding_pings=2,
        error_cb=hear,
    )


async def write():
    """One number after the other; never ends by itself."""
    link = await connect()
    stream, number = link.jetstream(timeout=PATIENCE), None
    while True:
        try:
            if number is None:
                await stream.add_stream(CONFIG)
                number = int(os.environ["START"])
            await stream.publish(SUBJECT, str(number).encode(), stream=STREAM)
            print(number, time.time(), flush=True)
        except ERRORS as error:
            print("error", time.time(), str(error) or type(error).__name__, flush=True)
        number = None if number is None else number + 1
        await asyncio.sleep(float(os.environ["PAUSE"]))


async def read():
    """Every number of the stream, as many as the stream says that it has."""
    link = await connect()
    config = ConsumerConfig(ack_policy=AckPolicy.NONE, mem_storage=True)
    reader = await link.jetstream(timeout=10).pull_subscribe(SUBJECT, stream=STREAM, config=config)
    left = (await reader.consumer_info()).num_pending
    while left > 0:
        batch = await reader.fetch(min(left, 500), timeout=10)
        print("\n".join(message.data.decode() for message in batch))
        left -= len(batch)
    await link.close()


async def state():
    """Who leads the stream, and whether every copy is there and current."""
    link = await connect()
    cluster = (await link.jetstream(timeout=10).stream_info(STREAM)).cluster
    late = {copy.name: copy.lag or 0 for copy in cluster.replicas if copy.offline or not copy.current}
    whole = bool(cluster.leader) and len(cluster.replicas) == CONFIG.num_replicas - 1 and not late
    print(json.dumps({"leader": cluster.leader, "whole": whole, "why": "" if whole else f"not current: {late}"}))
    await link.close()


async def clean():
    """The stream goes."""
    link = await connect()
    with suppress(nats.js.errors.NotFoundError):
        await link.jetstream(timeout=10).delete_stream(STREAM)
    await link.close()


asyncio.run({"write": write, "read": read, "state": state, "clean": clean}[sys.argv[1]]())
