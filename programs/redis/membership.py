"""Whether Redis can lose members: by who has which slots, and who follows whom.

Input: hosts (a pattern, %d is a member's number), port, members, replicas_each, passwords (the administrator's, newest first).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import redis

from programs import membership, protocol
from programs.membership import Membership, Shared
from programs.protocol import Refusal, Wanted
from programs.redis import connection
from programs.redis.keeper import look
from programs.redis.objects import ADMIN
from programs.redis.topology import SLOTS, Cluster, Known, Member

ATTEMPT = 1.5  # seconds


def pod(host: str) -> str:
    """The pod of a host name."""
    return host.partition(".")[0]


def count(slots: list[str]) -> int:
    """How many slots some ranges have."""
    bounds = [(first, last or first) for first, _, last in (each.partition("-") for each in slots)]
    return sum(int(last) - int(first) + 1 for first, last in bounds)


def asked(wanted: Wanted, host: str) -> Member | None:
    """What a member says, None where nobody answers.

    :raises Refusal: it lets the administrator not in.
    """

    def enter(password: str) -> Member | None:
        try:
            return look(connection.member(host, wanted["port"], ADMIN, password, timeout=ATTEMPT), host)
        except redis.AuthenticationError:
            return None

    try:
        if found := protocol.admitted(wanted["passwords"], enter):
            return found
    except (redis.ConnectionError, redis.TimeoutError):
        return None
    raise Refusal(f"{host}: refuses the administrator's password")


def shards(cluster: Cluster, known: dict[str, Known]) -> list[Shared]:
    """Each primary's slots, and who has a copy of them: a replica that follows it has what it has, but for the last moment."""
    found = []
    for owner in sorted(cluster.owners, key=lambda identity: known[identity].host):
        holders = [each for each in known.values() if each.id == owner or each.primary == owner]
        there = {each.id: cluster.by_id.get(each.id) for each in holders}
        copies = [(pod(each.host), bool((member := there[each.id]) and (each.id == owner or member.linked))) for each in holders]
        found.append(Shared(f"slots of {pod(known[owner].host)}", copies, count=cluster.replicas + 1))
    return found


def judged(members: list[Member | None], wanted: Wanted) -> Membership:
    """What follows from the answers of the members, None of one that does not answer."""
    cluster, found = Cluster(members, wanted["replicas_each"], wanted["port"]), Membership()
    if not cluster.view:
        raise Refusal(f"no member answers at {wanted['hosts']}")
    hosts = [wanted["hosts"] % number for number in range(wanted["members"])]
    found.absent(map(pod, hosts), {pod(member.host) for member in cluster.members})
    found.why += [f"{pod(member.host)} does not serve" for member in cluster.members if not member.serves]
    found.why += [f"{pod(member.host)}: its disk takes no more" for member in cluster.members if not member.writes]
    known = dict(cluster.view.known) | {member.id: member.known[member.id] for member in cluster.members}
    former = {each.id for each in cluster.stale() if not each.slots}
    known = {identity: each for identity, each in known.items() if identity not in former}
    if (served := sum(count(known[owner].slots) for owner in cluster.owners)) != SLOTS:
        found.why.append(f"{served} of {SLOTS} slots have a primary")
    primaries = {pod(known[owner].host): owner in cluster.by_id for owner in cluster.owners}
    found.leaders += [name for name, answers in primaries.items() if answers]
    found.judge([Shared.quorum("primaries, who elect one another", primaries), *shards(cluster, known)], wanted["lost"])
    return found


def ask(wanted: Wanted) -> Membership:
    """See programs.membership."""
    hosts = [wanted["hosts"] % number for number in range(wanted["members"])]
    with ThreadPoolExecutor(len(hosts)) as pool:
        return judged(list(pool.map(lambda host: asked(wanted, host), hosts)), wanted)


if __name__ == "__main__":
    membership.tell(ask, redis.RedisError)
