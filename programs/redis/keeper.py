"""Keeps the topology of a Redis Cluster: forms it, brings members together again whose addresses changed, gives a member that lost its
volume a place, and keeps primaries and replicas on nodes that do not fail together. Failover itself is Redis's own and needs nobody.

Everything is derived from what the members say, so it may stop and start at any time. It moves no slot that holds data.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from programs.redis.topology import Cluster, Member, table

PAUSE = 3  # seconds between two looks
CALM = (
    60  # seconds in which all is well, and nobody changes its part, before a member is asked to: a roll-out, a handover, a failover is over
)
ROUND = Path("/tmp/round")  # its time says when the members were last looked at


def look(client: Any, host: str) -> Member:
    """Ask a member."""
    info = client.info()
    config = client.config_get("cluster-announce-ip", "cluster-announce-human-nodename")
    return Member(
        host=host,
        id=client.execute_command("CLUSTER", "MYID"),
        ip=config["cluster-announce-ip"],
        node=config["cluster-announce-human-nodename"],
        keys=client.dbsize(),
        serves="cluster_state:ok" in client.execute_command("CLUSTER", "INFO"),
        writes=info["aof_last_write_status"] == "ok",
        follows=info.get("master_host", ""),
        linked=info["role"] == "master" or info["master_link_status"] == "up",
        known=table(client.execute_command("CLUSTER", "NODES")),
    )


def say(host: str, *words: Any) -> None:
    """One line of the log."""
    print(f"{host.split('.')[0]}:", *words, flush=True)


class Calm:
    """For how long all has been well with the same primaries. One that hands over before it stops is not made primary again."""

    def __init__(self) -> None:
        self.since, self.owners = 0.0, set[str]()

    def lasts(self, cluster: Cluster, now: float) -> float:
        """Seconds until ``now``, with what was seen just now."""
        if not cluster.calm() or cluster.owners != self.owners:
            self.since, self.owners = now, cluster.owners
        return now - self.since


def keep() -> None:
    """Look, and do what is needed, for ever."""
    import redis  # a probe, which starts this file too, needs no client

    from programs.redis.connection import member

    name = os.environ["REDIS_HOSTS"]  # a pattern such as redis-cluster-%d.redis-cluster
    port, replicas = int(os.environ["REDIS_PORT"]), int(os.environ["REDIS_REPLICAS"])
    hosts = [name % number for number in range(int(os.environ["REDIS_MEMBERS"]))]
    clients = {host: member(host, port, "admin", os.environ["REDISCLI_AUTH"], timeout=3, connect_timeout=2) for host in hosts}
    calm, faults = Calm(), dict[str, str]()
    while True:
        members: list[Member | None] = []
        for host, client in clients.items():
            try:
                members.append(look(client, host))
                fault = ""
            except redis.RedisError as error:
                members.append(None)
                fault = str(error)
            if fault != faults.get(host, ""):
                say(host, fault or "answers")
            faults[host] = fault
        cluster = Cluster(members, replicas, port)
        for host, command in cluster.steps(calm.lasts(cluster, time.monotonic()) >= CALM):
            try:
                answer = clients[host].execute_command(*command)
            except redis.RedisError as error:
                answer = str(error)
            say(host, *command, answer)
        ROUND.touch()
        time.sleep(PAUSE)


if __name__ == "__main__":
    if sys.argv[1:] == ["healthy"]:
        sys.exit(time.time() - ROUND.stat().st_mtime > 20 * PAUSE)
    keep()
