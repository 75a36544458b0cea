"""Waiting for what takes its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(
    look: Callable[[], T],
    seconds: float,
    *,
    pause: float = 1.0,
    faults: type[Exception] | tuple[type[Exception], ...] = (),
    say: Callable[[Exception], object] | None = None,
) -> T:
    """The first true value of `look`; the last one where none is true in time, after one look at least.

    :param seconds: how long to go on looking.
    :param pause: seconds between two looks.
    :param faults: what `look` may raise meanwhile; raised when the time is over.
    :param say: hears each fault that is not the last one.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = look()
            if found or time.monotonic() > deadline:
                return found
        except faults as error:
            if time.monotonic() > deadline:
                raise
            if say:
                say(error)
        time.sleep(pause)
