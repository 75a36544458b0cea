"""Numbers through JetStream: `write` publishes them to the stream CHECKS, one after the other; `read` prints those that are there.

NATS_URL, NATS_USER and NATS_PASSWORD say where and who. Numbers start at the time in milliseconds: no run repeats those of another.
"""

import asyncio
import os
import ssl
import sys
import time

sys.path.pop(0)  # this file may lie there, called like the library
import nats
from nats.js.api import AckPolicy, ConsumerConfig

SUBJECT = "checks.chaos"
PATIENCE = 2  # seconds for an acknowledgement
ERRORS = (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError)


async def connect():
    """A connection that comes back by itself, to any member."""

    async def hear(_error):
        """The writer says what fails."""

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
    """Never ends by itself."""
    link = await connect()
    stream, number = link.jetstream(timeout=PATIENCE), int(time.time() * 1000)
    while True:
        try:
            await stream.publish(SUBJECT, str(number).encode())
            print(number, time.time(), flush=True)
        except ERRORS as error:
            print("error", time.time(), str(error) or type(error).__name__, flush=True)
            await asyncio.sleep(0.1)
        number += 1
        await asyncio.sleep(0.01)


async def read():
    """Every number of the stream."""
    link = await connect()
    config = ConsumerConfig(ack_policy=AckPolicy.NONE)
    reader = await link.jetstream(timeout=10).pull_subscribe(SUBJECT, stream="CHECKS", config=config)
    left = (await reader.consumer_info()).num_pending
    while left > 0:
        batch = await reader.fetch(min(left, 500), timeout=10)
        print("\n".join(message.data.decode() for message in batch))
        left -= len(batch)
    await link.close()


asyncio.run({"write": write, "read": read}[sys.argv[1]]())
