"""The server beside this program, which reads copies of a shard and says what they hold. It serves nobody else."""

from __future__ import annotations

import time

import redis

SOCKET = "/work/redis.sock"
PATIENCE = 120  # seconds in which it must serve


def scratch():
    """Connect, as soon as it serves.

    :raises redis.ConnectionError: it does not.
    """
    deadline = time.monotonic() + PATIENCE
    client = redis.Redis(unix_socket_path=SOCKET, decode_responses=True)
    while True:
        try:
            client.ping()
            return client
        except redis.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def contents(client, name):
    """Keys and digest of all names and values in the copy /work/<name>, which takes the place of what the server held."""
    client.config_set("dbfilename", name)
    client.execute_command("DEBUG", "RELOAD", "NOSAVE")
    return {"count": client.dbsize(), "digest": client.execute_command("DEBUG", "DIGEST")}
