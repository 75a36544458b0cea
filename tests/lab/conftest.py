"""What tests of a lab have alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.chaos.operations import deployed
from tests.chaos.stream import Stream

PAUSE = 0.25  # seconds between two writes: an operation takes minutes, in which its cluster is used and not worn out


@pytest.fixture
def write() -> Iterator[Callable[..., list[Stream]]]:
    """Starts a stream of writes to each system, from other nodes than those that are operated on."""
    made: list[Stream] = []

    def start(*avoid: str) -> list[Stream]:
        made.extend(Stream(system, PAUSE) for system in deployed())
        assert made
        for stream in made:
            stream.start(*avoid)
        return made

    try:
        yield start
    finally:
        for stream in made:
            stream.close()
