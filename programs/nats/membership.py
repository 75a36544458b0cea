"""Whether NATS can lose members: by what each server says of the groups in which JetStream keeps its copies.

Input: url, passwords (those of the system user, newest first), members.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Any

import nats.errors

from programs import membership
from programs.membership import Membership, Shared
from programs.nats.objects import connected, everyone
from programs.protocol import Wanted

Json = dict[str, Any]
SYSTEM = "system"
DETAILS = {"accounts": True, "streams": True, "consumer": True, "config": True}
SILENCE = 1.5  # seconds
ATTEMPT = 1.5


def groups(data: Json) -> Iterator[tuple[str, Json, int]]:
    """Every group of which a server has a copy, as (name, what it says of the group, how many copies it should have)."""
    meta = data.get("meta_cluster")
    if meta:
        yield "JetStream", meta, meta.get("cluster_size") or 1
    for account in data.get("account_details") or []:
        for stream in account.get("stream_detail") or []:
            name = f"stream {stream.get('name')}"
            copies = (stream.get("config") or {}).get("num_replicas") or 1
            yield name, stream.get("cluster") or {}, copies
            for consumer in stream.get("consumer_detail") or []:
                config = consumer.get("config") or {}
                if config.get("durable_name"):  # any other one goes with its client
                    wanted = config.get("num_replicas") or copies
                    yield f"consumer {consumer.get('name')} of {name}", consumer.get("cluster") or {}, wanted


def judged(answers: list[Json], members: list[str], lost: list[str]) -> Membership:
    """What follows from the answers of the servers. Only the leader of a group knows how far its copies are."""
    found = Membership()
    data = {answer["server"]["name"]: answer.get("data") or {} for answer in answers}
    found.absent(members, data)
    led: dict[str, Shared] = {}
    holders: dict[str, tuple[dict[str, bool], int]] = {}  # of each group, as far as they answer
    for pod, said in data.items():
        if said.get("disabled"):
            found.why.append(f"{pod}: JetStream is disabled")
        for name, group, count in groups(said):
            holders.setdefault(name, ({}, count))[0][pod] = True
            if (group.get("leader") or (pod if count == 1 else "")) == pod:  # one that stands alone has no group
                others = {copy.get("name"): bool(copy.get("current")) and not copy.get("offline") for copy in group.get("replicas") or []}
                led[name] = Shared.quorum(name, {pod: True, **others}, count)
                if count > 1:
                    found.leaders.append(pod)
    for name in holders.keys() - led.keys():
        copies, count = holders[name]
        found.why.append(f"{name}: nobody leads it")
        led[name] = Shared(name, list(copies.items()), needed=max(count, len(copies)), count=count)
    found.judge([led[name] for name in sorted(led)], lost)
    return found


async def answered(wanted: Wanted) -> list[Json]:
    """What the servers say."""
    link = await connected({**wanted, "passwords": {SYSTEM: wanted["passwords"]}}, SYSTEM, time.monotonic() + ATTEMPT, ATTEMPT)
    try:
        return await everyone(link, "JSZ", DETAILS, len(wanted["members"]), SILENCE)
    finally:
        await link.close()


def ask(wanted: Wanted) -> Membership:
    """See programs.membership."""
    return judged(asyncio.run(answered(wanted)), wanted["members"], wanted["lost"])


if __name__ == "__main__":
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of how the library and TLS end a connection
    membership.tell(ask, nats.errors.Error)
