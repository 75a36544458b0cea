"""The short part of `make chaos`: all systems lose their leaders' processes at once, and PostgreSQL the machine under its leader."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.chaos.events import EVENTS
from tests.chaos.rounds import Pace, measure
from tests.chaos.systems import SYSTEMS

# How long a system may take is for `make chaos` to say; here they share the machine's cores.
EVENT = {event.name: replace(event, bound=math.inf, alone=math.inf) for event in EVENTS}


def note(text: str) -> None:
    print(f"\n{text}", end="", flush=True)


@pytest.fixture(scope="module")
def killed():
    """What became of each system when all leaders were killed at once."""
    deployed = [system for system in SYSTEMS if system.replicas]
    return dict(measure(EVENT["leader-killed"], deployed, Pace(), note, together=True))


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_no_promised_write_is_lost_when_all_leaders_are_killed(killed, system):
    if system not in killed:
        pytest.skip("not in the mode of this lab")
    assert "failed" not in killed[system], killed[system]["failed"]
    assert killed[system]["acknowledged"] > 0


def test_no_promised_write_is_lost_with_the_leaders_machine():
    (postgresql,) = [system for system in SYSTEMS if system.name == "postgresql"]
    ((_, record),) = measure(EVENT["node-lost"], [postgresql], Pace(), note)
    assert "failed" not in record, record["failed"]
    assert record["acknowledged"] > 0
