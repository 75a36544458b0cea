"""Members of one set: `write` adds numbers one after the other, `read` prints them, `state` tells who leads, `clean` removes the set.

REDIS_PASSWORD is the application's. A number counts as acknowledged when a replica has it as well (WAIT 1). While the primary says that it
has no replica, as when that one's node is away, its own word is enough: then only a second failure could lose the number.
"""

import json
import os
import sys
import time

from redis import Redis, RedisError
from redis.exceptions import MovedError

OPTIONS = {"username": "voicehelper", "password": os.environ["REDIS_PASSWORD"], "ssl": True, "decode_responses": True}
OPTIONS |= {"socket_timeout": 2, "socket_connect_timeout": 2, "ssl_ca_certs": "/tls/ca.crt"}
KEY, CONFIRM, SLOTS = "chaos", 500, 16384  # CONFIRM: milliseconds in which a replica has to confirm


def connect(host="redis"):
    """A connection to one member, or to any."""
    return Redis(host=host, port=6379, **OPTIONS)


def shards():
    """[(number of slots, whether it has the set, its members as Redis lists them)]."""
    client = connect()
    slot, found = client.cluster("KEYSLOT", KEY), []
    for shard in client.execute_command("CLUSTER", "SHARDS"):
        shard = shard if isinstance(shard, dict) else dict(zip(shard[::2], shard[1::2], strict=True))
        bounds = list(map(int, shard["slots"]))
        pairs = list(zip(bounds[::2], bounds[1::2], strict=True))
        nodes = [node if isinstance(node, dict) else dict(zip(node[::2], node[1::2], strict=True)) for node in shard["nodes"]]
        found.append((sum(last - first + 1 for first, last in pairs), any(first <= slot <= last for first, last in pairs), nodes))
    return found


def leader():
    """Host name of the primary that has the set."""
    primaries = [node for _, mine, nodes in shards() if mine for node in nodes if node["role"] == "master" and node["health"] == "online"]
    if len(primaries) != 1:
        raise RedisError(f"{len(primaries)} primaries")
    return primaries[0]["hostname"]


def add(client, number):
    """Add a number and wait until a replica has it; one session, as only that of the write is waited for."""
    with client.pipeline(transaction=False) as session:
        _, replicas = session.sadd(KEY, number).execute_command("WAIT", 1, CONFIRM).execute()
    link = {} if replicas else client.info("replication")
    if any(link[f"slave{n}"]["state"] == "online" for n in range(link.get("connected_slaves", 0))):
        raise RedisError("no replica confirmed it")


def write():
    """Never ends by itself."""
    client, number = None, int(time.time() * 1000)
    while True:
        number += 1
        try:
            client = client or connect(leader())
            try:
                add(client, number)
            except MovedError as moved:  # the former primary did not take it, and says who would
                client = connect(moved.host)
                add(client, number)
            print(number, time.time(), flush=True)
            time.sleep(float(os.environ["PAUSE"]))
        except (RedisError, OSError) as error:
            print("error", time.time(), " ".join(f"{type(error).__name__} {error}".split()), flush=True)
            client = None
            time.sleep(0.1)


def read():
    """Every number of the set."""
    for number in connect(leader()).smembers(KEY):
        print(number)


def state():
    """The primary of the set; whole when all slots are served and every replica has caught up."""
    found, why = shards(), ""
    for slots, _, nodes in found:
        for node in nodes:
            link = connect(node["hostname"]).info("replication") if node["health"] == "online" else {}
            if not link or link.get("master_link_status", "up") != "up":
                why = f"{node['hostname'].split('.')[0]} has not caught up"
        if slots and len(nodes) < 2:
            why = f"{nodes[0]['hostname'].split('.')[0]} has no replica"
    if sum(slots for slots, _, _ in found) != SLOTS:
        why = "not every slot is served"
    print(json.dumps({"leader": leader().split(".")[0], "whole": not why, "why": why}))


def clean():
    """Leave nothing."""
    connect(leader()).unlink(KEY)


if __name__ == "__main__":
    {"write": write, "read": read, "state": state, "clean": clean}[sys.argv[1]]()
