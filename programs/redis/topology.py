"""What the members of a Redis Cluster say, and what to do next so that it is whole and no node's failure takes a shard or its quorum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

L = TypeVar("L")
R = TypeVar("R")
Step = tuple[str, tuple[Any, ...]]  # host, command
SLOTS = 16384


@dataclass
class Known:
    """A member as another one knows it."""

    id: str
    ip: str
    host: str
    primary: str
    slots: list[str]


@dataclass
class Member:
    """A member that answers, as it sees itself and the others. ``node`` is the machine below its pod; ``writes``: whether its disk takes
    what it writes; ``follows``: the address at which a replica asks its primary."""

    host: str
    id: str
    ip: str
    node: str
    keys: int
    serves: bool
    writes: bool
    follows: str
    linked: bool
    known: dict[str, Known]

    @property
    def primary(self) -> str:
        """Id of its primary, empty when it is one."""
        return self.known[self.id].primary

    @property
    def slots(self) -> list[str]:
        return self.known[self.id].slots


def table(text: str) -> dict[str, Known]:
    """What `CLUSTER NODES` says, by id."""
    found = {}
    for line in text.splitlines():
        identity, address, _flags, primary, _ping, _pong, _epoch, _link, *slots = line.split()
        place, *names = address.split(",")
        slots = [slot for slot in slots if not slot.startswith("[")]  # those on their way still belong to the source
        ip = place.split("@")[0].rpartition(":")[0]
        found[identity] = Known(identity, ip, names[0] if names else "", primary.strip("-"), slots)
    return found


class Cluster:
    """One look at all members; ``steps`` says what to do next as (host, command)."""

    def __init__(self, members: list[Member | None], replicas: int, port: int):
        self.members = [member for member in members if member]
        self.whole = len(self.members) == len(members)
        self.replicas, self.port, self.shards = replicas, port, len(members) // (replicas + 1)
        self.by_id = {member.id: member for member in self.members}
        in_use = [member for member in self.members if member.serves] or [m for m in self.members if m.slots] or self.members
        self.view = in_use[0] if in_use else None  # whose word counts on members that do not answer
        self.owners = {m.id for m in self.members if m.slots and not m.primary}
        self.owners |= {k.id for k in (self.view.known.values() if self.view else ()) if k.slots and k.id not in self.by_id}

    def steps(self, settled: bool) -> list[Step]:
        """The first kind of step that is needed; the next look decides on the next. ``settled``: it has been calm for a while."""
        if not self.view:
            return []
        urgent = self.meet() or self.follow() or self.assign() or self.place() or self.relieve() or self.forget()
        return urgent or (settled and (self.part() or self.spread())) or []

    def meet(self) -> list[Step]:
        """Bring those together whom the view does not know, or knows by an address that is no longer theirs."""
        strangers = [m for m in self.members if m.id not in self.view.known and not (m.slots and self.view.slots)]
        moved = [m for m in self.members if m.id in self.view.known and m is not self.view and self.view.known[m.id].ip != m.ip]
        return [(self.view.host, ("CLUSTER", "MEET", m.ip, self.port)) for m in strangers + moved]

    def follow(self) -> list[Step]:
        """A replica that heard of its primary's new address from a third member goes on asking at the old one."""
        pairs = [(m, self.by_id[m.primary]) for m in self.members if m.primary in self.by_id]
        return [(m.host, ("CLUSTER", "REPLICATE", p.id)) for m, p in pairs if m.follows != p.ip == m.known[p.id].ip]

    def assign(self) -> list[Step]:
        """Slots for a cluster that is new: nobody has a key and nobody is missing."""
        if not self.whole or len(self.owners) >= self.shards or any(m.keys for m in self.members) or self.stale():
            return []
        if any(m.primary or m.known.keys() != self.by_id.keys() for m in self.members):
            return []
        bounds = [SLOTS * number // self.shards for number in range(self.shards + 1)]
        chosen = self.spread_over_nodes(self.members, self.shards)
        return [
            (member.host, ("CLUSTER", "ADDSLOTSRANGE", first, last - 1))
            for member, first, last in zip(chosen, bounds, bounds[1:], strict=False)
            if not member.slots
        ]

    def spread_over_nodes(self, candidates: list[Member], count: int) -> list[Member]:
        """So many of them, on the nodes with the fewest primaries."""
        load, chosen = Counter(self.node_of(owner) for owner in self.owners if owner not in {m.id for m in candidates}), []
        for _ in range(count):
            best = min((m for m in candidates if m not in chosen), key=lambda m: load[m.node], default=None)
            if best:
                load[best.node] += 1
                chosen.append(best)
        return chosen

    def place(self) -> list[Step]:
        """Members without slots and without a primary: new primaries while there are too few, replicas of those that want one otherwise."""
        idle = [m for m in self.members if not m.primary and not m.slots]
        if not self.owners or not all(m.id in other.known for m in idle for other in self.members):
            return []
        primaries = self.owners | {m.id for m in self.spread_over_nodes(idle, self.shards - len(self.owners))}
        idle = [m for m in idle if m.id not in primaries]
        gone = {known.id for known in self.stale()}  # a replica that is only away for a while keeps its place
        away = Counter(k.primary for k in self.view.known.values() if k.id not in self.by_id and k.id not in gone)
        openings = [
            primary
            for primary in sorted(primaries & self.by_id.keys())
            for _ in range(self.replicas - len(self.replicas_of(primary)) - away[primary])
        ]
        matched = match(idle, openings, lambda m, primary: m.node != self.node_of(primary))
        if self.whole:  # rather on the same node than nowhere
            matched |= zip(set(range(len(idle))) - matched.keys(), set(range(len(openings))) - set(matched.values()), strict=False)
        return [(idle[number].host, ("CLUSTER", "REPLICATE", openings[opening])) for number, opening in matched.items()]

    def relieve(self) -> list[Step]:
        """A primary whose disk takes no more switches over to a replica with a better one."""
        pairs = [(self.by_id[owner], m) for owner in sorted(self.owners & self.by_id.keys()) for m in self.replicas_of(owner)]
        return [(m.host, ("CLUSTER", "FAILOVER")) for owner, m in pairs if not owner.writes and m.writes and m.linked]

    def forget(self) -> list[Step]:
        """Former selves of members that lost their volume."""
        gone = [known for known in self.stale() if not known.slots]
        return [(m.host, ("CLUSTER", "FORGET", k.id)) for k in gone for m in self.members if k.id in m.known and m.primary != k.id]

    def calm(self) -> bool:
        """Whether all is well."""
        well = self.whole and all(m.serves and m.writes and m.linked for m in self.members)
        return well and all(len(self.replicas_of(owner)) == self.replicas for owner in self.owners)

    def part(self) -> list[Step]:
        """A shard on one node alone exchanges a replica with another shard."""
        for first in sorted(self.owners):
            if {self.node_of(first)} != {m.node for m in self.replicas_of(first)}:
                continue
            for second in sorted(self.owners - {first}):
                for mine in self.replicas_of(first):
                    for theirs in self.replicas_of(second):
                        if theirs.node != self.node_of(first) and mine.node != self.node_of(second):
                            return [(theirs.host, ("CLUSTER", "REPLICATE", first)), (mine.host, ("CLUSTER", "REPLICATE", second))]
        return []

    def spread(self) -> list[Step]:
        """A node that holds more primaries than it must gives one to the node of its replica."""
        load = Counter(self.node_of(owner) for owner in self.owners)
        for owner in sorted(self.owners, key=lambda owner: -load[self.node_of(owner)]):
            for replica in self.replicas_of(owner):
                if load[self.node_of(owner)] - load[replica.node] >= 2:
                    return [(replica.host, ("CLUSTER", "FAILOVER"))]
        return []

    def stale(self) -> list[Known]:
        """Former selves: what is known of hosts where another answers now. A member tells its name itself: who came later knows no name of
        those that are gone."""
        hosts = {m.host: m.id for m in self.members}
        everybody = [known for m in self.members for known in m.known.values()]
        names = {known.id: known.host for known in everybody if known.host}
        found = {known.id: known for known in [*everybody, *self.view.known.values()]}  # the view's word counts
        return [known for known in found.values() if hosts.get(names.get(known.id, ""), known.id) != known.id]

    def replicas_of(self, primary: str) -> list[Member]:
        return [m for m in self.members if m.primary == primary]

    def node_of(self, identity: str) -> str:
        return self.by_id[identity].node if identity in self.by_id else ""


def match(left: Sequence[L], right: Sequence[R], fits: Callable[[L, R], bool]) -> dict[int, int]:
    """The largest matching: {number in left: number in right}."""
    taken: dict[int, int] = {}

    def settle(number: int, tried: set[int]) -> bool:
        for other in range(len(right)):
            if other not in tried and fits(left[number], right[other]):
                tried.add(other)
                if other not in taken or settle(taken[other], tried):
                    taken[other] = number
                    return True
        return False

    for number in range(len(left)):
        settle(number, set())
    return {number: other for other, number in taken.items()}
