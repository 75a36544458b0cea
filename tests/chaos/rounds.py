"""One event after the other, under streams of writes. What strikes a machine is done once for all systems that lead from it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.chaos.cluster import ClusterError, Member, is_worker, kubectl, wait
from tests.chaos.events import Event, Hit
from tests.chaos.stream import Stream
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
        with _round([system], note) as round_:
            leaders = round_.each(round_.streams, _whole)
            for stream, leader in leaders.items():
                round_.strike(event, leader.node, {stream: leader}, pace)
        yield from round_.records.items()


def _by_machine(event: Event, systems: list[System], pace: Pace, note: Callable[[str], None]) -> Iterator[tuple[System, Record]]:
    left = list(systems)
    for _ in range(ROUNDS):
        if not left:
            return
        with _round(left, note) as round_:
            leaders = round_.each(round_.streams, partial(_on_a_worker, note))
            node = _commonest([leader.node for leader in leaders.values()])
            struck = [stream for stream, leader in leaders.items() if leader.node == node]
            round_.each([stream for stream in leaders if stream not in struck], Stream.stop)
            round_.each(struck, partial(_leave, node))
            leaders = round_.each([stream for stream in struck if stream.system not in round_.records], _whole)
            round_.strike(event, node, {stream: leader for stream, leader in leaders.items() if leader.node == node}, pace)
        left = [system for system in left if system not in round_.records]
        yield from round_.records.items()
    for system in left:
        yield system, {"failed": f"its leader did not stay on one node in {ROUNDS} rounds"}


class Round:
    """Streams to some systems, and what became of each system; one that fails leaves the others alone."""

    def __init__(self, systems: list[System], note: Callable[[str], None]) -> None:
        self.streams = [Stream(system) for system in systems]
        self.records: dict[System, Record] = {}
        self.note = note

    def each(self, streams: list[Stream], what: Callable[[Stream], Any]) -> dict[Stream, Any]:
        """What a function gives for each stream; where it fails, the system has failed and is left out."""
        done = {}
        for stream in streams:
            try:
                done[stream] = what(stream)
            except Exception as error:  # whatever breaks is a failure of this system and this event alone
                self.fail(stream.system, str(error) or repr(error))
        return done

    def fail(self, system: System, reason: str) -> None:
        """Record that a system did not come through."""
        self.note(f"   {system.name} FAILED: {reason}")
        self.records[system] = {"failed": reason}

    def strike(self, event: Event, node: str, leaders: dict[Stream, Member], pace: Pace) -> None:
        """Let it happen, and judge what became of the writes when all is well again."""
        time.sleep(pace.before)
        began = time.time()
        streams = list(self.each(list(leaders), lambda stream: stream.go_on(began)))
        hit = Hit(node, {stream.system: leaders[stream] for stream in streams})
        if not streams:
            return
        away = {system: sum(member.node == node for member in system.members()) for system in hit.leaders}
        self.note(f"   {event.name}: {', '.join(leader.name for leader in hit.leaders.values())} on {node}")
        since = time.time()
        try:
            event.run(hit)
        except Exception as error:  # the event itself could not be had, so nothing was measured
            for system in hit.leaders:
                self.fail(system, f"{event.name} could not be done: {error}")
            return
        time.sleep(pace.after)
        over = time.time()
        self.each(streams, lambda stream: self._judge(event, stream, since, over, away[stream.system]))

    def _judge(self, event: Event, stream: Stream, since: float, over: float, away: int) -> None:
        stream.go_on(over)
        _whole(stream)
        verdict, system = stream.judge(since), stream.system
        alone = system.replicas == 1 or (event.machine and away > system.spare)
        bound = system.bounds.get(event.name, event.alone if alone else event.bound)
        record = {"silence": round(verdict.silence, 1), "acknowledged": verdict.acknowledged, "errors": verdict.errors}
        record |= {"lost": len(verdict.lost), "bound": bound, "alone": alone, "date": time.strftime("%Y-%m-%d")}
        if verdict.lost and event.name not in system.may_lose:
            record["failed"] = f"lost {len(verdict.lost)} acknowledged writes, {verdict.lost[0]} the first"
        elif verdict.silence > bound:
            record["failed"] = f"{verdict.silence:.0f} s without writes; wanted at most {bound:.0f}"
        told = f"{verdict.silence:.1f} s without writes, {len(verdict.lost)} of {verdict.acknowledged} lost"
        self.note(f"   {system.name}: {told}{' FAILED: ' + record['failed'] if 'failed' in record else ''}")
        self.records[system] = record


@contextmanager
def _round(systems: list[System], note: Callable[[str], None]) -> Iterator[Round]:
    """A round whose streams write; however the block ends, nothing of them stays."""
    round_ = Round(systems, note)
    try:
        round_.streams = list(round_.each(round_.streams, Stream.start))
        yield round_
    finally:
        with ExitStack() as stack:
            for system in systems:
                stack.callback(Stream(system).close)


def _whole(stream: Stream) -> Member:
    """The leading member, once every member is there and has caught up."""
    system, reason = stream.system, ""

    def well() -> Member | None:
        nonlocal reason
        found, state = system.members(), system.state(stream)
        ready = sum(member.ready for member in found)
        reason = f"{ready} of {system.replicas} members ready; {state.why}"
        leader = [m for m in found if state.leader == m.address or state.leader.split(".")[0] == m.name]
        return leader[0] if leader and state.whole and ready == system.replicas else None

    try:
        return wait(well, WHOLE_SECONDS, f"{system.name} whole again", pause=1)
    except ClusterError as error:
        raise ClusterError(f"{error} ({reason})") from error


def _on_a_worker(note: Callable[[str], None], stream: Stream) -> Member:
    """The leading member; where the only control plane would be struck with it, it is asked to leave that node first."""
    leader = _whole(stream)
    for _ in range(MOVES):
        if is_worker(leader.node) or stream.system.replicas == 1:
            break
        note(f"   {leader.name} leaves {leader.node}, a control plane")
        kubectl("delete", "pod", leader.name, f"--namespace={leader.namespace}", seconds=180)
        leader = _whole(stream)
    return leader


def _leave(node: str, stream: Stream) -> None:
    """Write from another node than the one that is struck."""
    if stream.node() == node:
        stream.start(node)


def _commonest(nodes: list[str]) -> str:
    """The node that most leaders are on, a worker if there is one; none without leaders."""
    return max(Counter(nodes).items(), key=lambda item: (is_worker(item[0]), item[1]), default=("", 0))[0]
