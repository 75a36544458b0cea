"""One event after the other, under streams of writes. What strikes a machine is done once for all systems that lead from it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from tests.chaos.cluster import ClusterError, Member, is_worker, kubectl, members, wait
from tests.chaos.events import Event, Hit
from tests.chaos.stream import Stream, settle
from tests.chaos.systems import System

WHOLE_SECONDS = 420
MOVES = 3  # how often a leader is asked to leave a control plane
ROUNDS = 4  # at most so many machines are struck by one event

Record = dict[str, Any]


@dataclass(frozen=True)
class Pace:
    """Seconds of undisturbed writing before and after an event."""

    before: float = 5
    after: float = 10


def measure(event: Event, systems: list[System], pace: Pace, note: Callable[[str], None]) -> Iterator[tuple[System, Record]]:
    """What an event does to each system. A system that does not come through it as it must has a reason under `failed`."""
    if event.machine:
        yield from _by_machine(event, systems, pace, note)
        return
    for system in systems:
        with _record(event, [system], note) as records, _streams([system]) as streams:
            leader = _whole(streams[0])
            records |= _strike(event, Hit(leader.node, {system: leader}), streams, pace, note)
        yield from records.items()


def _by_machine(event: Event, systems: list[System], pace: Pace, note: Callable[[str], None]) -> Iterator[tuple[System, Record]]:
    left = list(systems)
    for _ in range(ROUNDS):
        if not left:
            return
        with _record(event, left, note) as records, _streams(left) as streams:
            leaders = {stream: _on_a_worker(stream, note) for stream in streams}
            node = _commonest([leader.node for leader in leaders.values()])
            struck = [stream for stream in streams if leaders[stream].node == node]
            for stream in set(streams) - set(struck):
                stream.stop()
            for stream in struck:
                if stream.node() == node:
                    stream.start(avoid=node)
            still = [stream for stream in struck if _whole(stream).node == node]
            hit = Hit(node, {stream.system: leaders[stream] for stream in still})
            records |= _strike(event, hit, still, pace, note) if still else {}
        left = [system for system in left if system not in records]
        yield from records.items()
    for system in left:
        yield system, {"failed": f"its leader did not stay on one node in {ROUNDS} rounds"}


@contextmanager
def _record(event: Event, systems: list[System], note: Callable[[str], None]) -> Iterator[dict[System, Record]]:
    """Records by system; when the block breaks, all its systems have failed. The next event begins all the same."""
    records: dict[System, Record] = {}
    try:
        yield records
    except Exception as error:  # whatever breaks is a failure of this event alone
        note(f"   {event.name} FAILED: {error!r}")
        records |= {system: {"failed": str(error)} for system in systems if system not in records}


@contextmanager
def _streams(systems: list[System]) -> Iterator[list[Stream]]:
    """A stream of writes to each system; however the block ends, nothing of them stays."""
    streams = [Stream(system) for system in systems]
    with ExitStack() as stack:
        for stream in streams:
            stack.callback(stream.close)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(Stream.start, streams))
        yield streams


def _strike(event: Event, hit: Hit, streams: list[Stream], pace: Pace, note: Callable[[str], None]) -> dict[System, Record]:
    """Let it happen, and judge what became of the writes when all is well again."""
    settle(streams, pace.before)
    note(f"   {event.name}: {', '.join(member.name for member in hit.leaders.values())} on {hit.node}")
    away = {system: sum(member.node == hit.node for member in members(system.workload)) for system in hit.leaders}
    since = time.time()
    event.run(hit)
    settle(streams, pace.after)
    records = {}
    for stream in streams:
        _whole(stream)
        verdict, system = stream.judge(since), stream.system
        alone = system.replicas == 1 or (event.machine and away[system] > system.spare)
        bound = system.bounds.get(event.name, event.alone if alone else event.bound)
        record = {"silence": round(verdict.silence, 1), "acknowledged": verdict.acknowledged, "errors": verdict.errors}
        record |= {"lost": len(verdict.lost), "bound": bound, "alone": alone, "node": hit.node, "date": time.strftime("%Y-%m-%d")}
        if verdict.lost and event.name not in system.may_lose:
            record["failed"] = f"lost {len(verdict.lost)} acknowledged writes, {verdict.lost[0]} the first"
        elif verdict.silence > bound:
            record["failed"] = f"{verdict.silence:.0f} s without writes; wanted at most {bound:.0f}"
        records[system] = record
        told = f"{verdict.silence:.1f} s without writes, {len(verdict.lost)} of {verdict.acknowledged} lost"
        note(f"   {system.name}: {told}{' FAILED: ' + record['failed'] if 'failed' in record else ''}")
    return records


def _whole(stream: Stream) -> Member:
    """The leading member, once every member is there and has caught up."""
    system, reason = stream.system, ""

    def well() -> Member | None:
        nonlocal reason
        found, state = members(system.workload), system.state(stream)
        ready = sum(member.ready for member in found)
        reason = f"{ready} of {system.replicas} members ready; {state.why}"
        leader = [m for m in found if state.leader == m.address or state.leader.split(".")[0] == m.name]
        return leader[0] if leader and state.whole and ready == system.replicas else None

    try:
        return wait(well, WHOLE_SECONDS, f"{system.name} whole again", pause=1)
    except ClusterError as error:
        raise ClusterError(f"{error} ({reason})") from error


def _on_a_worker(stream: Stream, note: Callable[[str], None]) -> Member:
    """The leading member; where the only control plane would be struck with it, it is asked to leave that node first."""
    leader = _whole(stream)
    for _ in range(MOVES):
        if is_worker(leader.node) or stream.system.replicas == 1:
            break
        note(f"   {leader.name} leaves {leader.node}, a control plane")
        kubectl("delete", "pod", leader.name, seconds=180)
        leader = _whole(stream)
    return leader


def _commonest(nodes: list[str]) -> str:
    """The node that most leaders are on, a worker if there is one."""
    return max(Counter(nodes).items(), key=lambda item: (is_worker(item[0]), item[1]))[0]
