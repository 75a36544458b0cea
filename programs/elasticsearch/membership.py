"""Whether Elasticsearch, or OpenSearch in its place, can lose members: by where the copies of every shard are, and by who may vote.

Input: flavour, url, administrators (elastic's password, or {cert, key}; newest first), members.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import requests

from programs import membership
from programs.elasticsearch.objects import FLAVOURS
from programs.http import HttpError
from programs.membership import Membership, Shared, majority
from programs.protocol import Actions, Refusal, Wanted

Json = dict[str, Any]
ATTEMPT = 3  # seconds
MASTER = {"elasticsearch": "master_node", "opensearch": "cluster_manager_node"}
NEEDED = ["nodes.*.name", "metadata.cluster_coordination.last_committed_config", "routing_table.indices.*.shards"]
SERVING = ("STARTED", "RELOCATING")  # one that moves is whole until the other one is


def shards(state: Json) -> Iterator[tuple[str, list[Json]]]:
    """Every shard as (name, its copies as the master has them)."""
    for index, table in ((state.get("routing_table") or {}).get("indices") or {}).items():
        for number, copies in (table.get("shards") or {}).items():
            yield f"shard {number} of {index}", copies


def judged(state: Json, wanted: Wanted) -> Membership:
    """What follows from the state of the cluster."""
    names = {identity: node.get("name", identity) for identity, node in (state.get("nodes") or {}).items()}
    found, shared = Membership(), list[Shared]()
    found.why += [f"{pod} is not in the cluster" for pod in wanted["members"] if pod not in names.values()]
    if master := names.get(state.get(MASTER[wanted["flavour"]]) or ""):
        found.leaders.append(master)
    else:
        found.why.append("nobody is elected")
    voters = ((state.get("metadata") or {}).get("cluster_coordination") or {}).get("last_committed_config") or []
    shared.append(Shared("voters", [(names.get(voter, ""), voter in names) for voter in voters], majority(len(voters))))
    moving = 0
    for name, copies in shards(state):
        places = [(names.get(copy.get("node") or "", ""), copy.get("state") in SERVING) for copy in copies]
        shared.append(Shared(name, places))
        found.leaders += [pod for (pod, serves), copy in zip(places, copies, strict=True) if serves and copy.get("primary")]
        moving += sum(copy.get("state") == "RELOCATING" for copy in copies)
    found.why += [f"{moving} shards are moving"] * bool(moving)
    found.judge(shared, wanted["lost"])
    return found


def ask(wanted: Wanted) -> Membership:
    """See programs.membership."""
    master = MASTER[wanted["flavour"]]
    path, only = f"/_cluster/state/{master},nodes,metadata,routing_table", {"filter_path": ",".join([master, *NEEDED])}
    with tempfile.TemporaryDirectory() as folder:

        def enter(administrator: Any) -> Json | None:
            server = FLAVOURS[wanted["flavour"]]({**wanted, "administrator": administrator}, Actions(check=True), folder).server
            try:
                return server.call("GET", path, timeout=ATTEMPT, params=only)
            except HttpError as error:
                if error.status == 401:
                    return None
                raise

        current, previous = wanted["administrators"]
        state = enter(current) or (enter(previous) if previous != current else None)
    if not state:
        raise Refusal(f"{wanted['url']} does not let the administrator in")
    return judged(state, wanted)


if __name__ == "__main__":
    membership.tell(ask, requests.RequestException)
