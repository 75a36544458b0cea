"""The short part of `make chaos`: every system loses its leader's process, and PostgreSQL the machine under its leader."""

from __future__ import annotations

import pytest

from lab.state import LabError
from tests.chaos.cluster import ClusterError
from tests.chaos.events import EVENTS
from tests.chaos.rounds import Pace, measure
from tests.chaos.systems import SYSTEMS

pytestmark = pytest.mark.long

BY_NAME = {event.name: event for event in EVENTS}


def deployed():
    """The systems of the lab's mode."""
    try:
        return [system for system in SYSTEMS if system.replicas]
    except (ClusterError, LabError):  # no cluster: the tests say so, not their collection
        return SYSTEMS


def survives(event, system, pace):
    for _, record in measure(BY_NAME[event], [system], pace, lambda text: print(f"\n{text}", end="", flush=True)):
        assert "failed" not in record, record["failed"]
        assert record["acknowledged"] > 0


@pytest.mark.parametrize("system", deployed(), ids=lambda system: system.name)
def test_no_promised_write_is_lost_when_the_leader_is_killed(system):
    survives("leader-killed", system, Pace(before=2, after=4))


def test_no_promised_write_is_lost_with_the_leaders_machine():
    (postgresql,) = [system for system in SYSTEMS if system.name == "postgresql"]
    survives("node-lost", postgresql, Pace())
