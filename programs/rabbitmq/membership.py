"""Whether RabbitMQ can lose members: by where each queue has its copies, and by how far these are.

Input: url of the management API, admin, passwords (the administrator's, newest first), members.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from programs import membership
from programs.http import FAULTS
from programs.membership import Membership, Shared
from programs.protocol import Wanted
from programs.rabbitmq.objects import Management

Json = dict[str, Any]
Status = dict[tuple[str, str], list[Json] | None]  # by virtual host and queue; None where nobody says
ATTEMPT = 1.5  # seconds
LATE = 100  # entries of the log that a copy may be behind: a few seconds of writing
MOST = 3  # copies that a queue gets
REPLICATED = ("quorum", "stream")
COLUMNS = "name,vhost,type,node,leader,members,online,durable,exclusive,auto_delete"


def pod(node: str) -> str:
    """The pod of a node."""
    return node.rpartition("@")[2].partition(".")[0]


def behind(status: list[Json]) -> set[str]:
    """Members whose copy of a queue's log is not as far as the others', or does not vote yet."""
    copies = {pod(copy["Node Name"]): copy for copy in status}
    last = {name: copy["Last Log Index"] for name, copy in copies.items() if isinstance(copy.get("Last Log Index"), int)}
    late = {name for name in copies if last.get(name, -LATE) <= max(last.values(), default=0) - LATE}
    return late | {name for name, copy in copies.items() if copy.get("Membership") not in (None, "", "voter")}


def shared(queues: list[Json], status: Status, count: int) -> Iterator[Shared]:
    """Every queue that outlives its clients; one without copies is of the member where it is."""
    for queue in queues:
        name = f"queue {queue['name']}"
        if queue.get("type") in REPLICATED:
            online, late = set(queue.get("online") or []), behind(status.get((queue["vhost"], queue["name"])) or [])
            members = {pod(node): node in online and pod(node) not in late for node in queue.get("members") or []}
            yield Shared.quorum(name, members, min(MOST, count))
        elif queue.get("durable") and not queue.get("exclusive") and not queue.get("auto_delete"):
            yield Shared(name, [(pod(queue.get("node") or ""), True)])


def judged(nodes: list[Json], queues: list[Json], status: Status, wanted: Wanted) -> Membership:
    """What follows from the answers of the management API."""
    found, members = Membership(), wanted["members"]
    running = {pod(node["name"]) for node in nodes if node.get("running")}
    found.why += [f"{pod(node['name'])} does not see {', '.join(node['partitions'])}" for node in nodes if node.get("partitions")]
    replicated = [queue for queue in queues if queue.get("type") in REPLICATED]
    found.leaders += [pod(queue["leader"]) for queue in replicated if queue.get("leader")]
    found.why += [f"queue {queue['name']}: nobody leads it" for queue in replicated if not queue.get("leader")]
    found.why += [f"queue {name}: nobody says how far its copies are" for (_, name), copies in status.items() if copies is None]
    cluster = Shared.quorum("the cluster", {name: name in running for name in members}, len(members))
    found.judge([cluster, *shared(queues, status, len(members))], wanted["lost"])
    return found


def ask(wanted: Wanted) -> Membership:
    """See programs.membership."""
    api = Management(wanted, ATTEMPT)
    api.enter(ATTEMPT)
    nodes = api.request("GET", "nodes")
    queues = api.server.call("GET", "/api/queues", params={"columns": COLUMNS})

    def status(queue: Json) -> list[Json] | None:
        try:
            return api.request("GET", "queues", "quorum", queue["vhost"], queue["name"], "status") or []
        except FAULTS:  # such as one that has no leader just now; where its copies are is known all the same
            return None

    replicated = [queue for queue in queues if queue.get("type") == "quorum"]
    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(((queue["vhost"], queue["name"]) for queue in replicated), pool.map(status, replicated), strict=True))
    return judged(nodes, queues, found, wanted)


if __name__ == "__main__":
    membership.tell(ask, requests.RequestException)
