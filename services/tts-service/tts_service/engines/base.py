"""What every engine offers: its voices, and text to samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class EngineError(Exception):
    """The engine cannot start: a program, library or model is missing or unfit. The text says what to do."""


@dataclass(frozen=True)
class Voice:
    """`id` as requests name it, `language` as in BCP 47."""

    id: str
    language: str
    name: str


class Engine(Protocol):
    """Something that speaks. `rate` (Hz) is the same for all `voices`; the first of a language is the language's default."""

    rate: int
    voices: Sequence[Voice]

    async def speak(self, text: str, voice: Voice, speed: float) -> bytes:
        """Samples of `text`, one channel, s16le at `rate`; `speed` 1 is the voice's own, 2 twice as fast."""
