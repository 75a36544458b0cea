"""The server beside this program, which reads copies of a shard and says what they hold. It serves nobody else."""

from __future__ import annotations

from typing import Any

import redis

from programs.archive import Fingerprint
from programs.waiting import until

SOCKET = "/work/redis.sock"
PATIENCE = 120  # seconds in which it must serve


def scratch() -> Any:
    """Connect, as soon as it serves.

    :raises redis.ConnectionError: it does not.
    """
    client = redis.Redis(unix_socket_path=SOCKET, decode_responses=True)
    until(client.ping, PATIENCE, faults=redis.ConnectionError)
    return client


def contents(client: Any, name: str) -> Fingerprint:
    """Keys and digest of all names and values in the copy /work/<name>, which takes the place of what the server held."""
    client.config_set("dbfilename", name)
    client.execute_command("DEBUG", "RELOAD", "NOSAVE")
    return {"count": client.dbsize(), "digest": client.execute_command("DEBUG", "DIGEST")}
