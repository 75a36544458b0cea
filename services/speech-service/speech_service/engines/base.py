"""What every engine offers: a whole recording to segments, and a stream of audio to partial and final texts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ..audio import Audio


class EngineError(Exception):
    """The engine cannot start: a library or a model is missing or unfit. The text says what to do."""


@dataclass(frozen=True)
class Segment:
    """A piece of speech; `start` and `end` in seconds from the begin of the recording or stream."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Update(Segment):
    """What a stream says of the utterance that is spoken (`final` false: it may change), or was."""

    final: bool


class Stream(Protocol):
    """One speaker's audio as it comes. Its methods block, and are never called two at a time."""

    def feed(self, audio: Audio) -> Iterable[Update]:
        """Take in what was spoken since the last call; gives what changed."""

    def finish(self) -> Iterable[Update]:
        """No more audio comes: gives the last final text."""

    def close(self) -> None:
        """Give memory back."""


class Engine(Protocol):
    """A recogniser with its model loaded. Its methods may be called from several threads."""

    def transcribe(self, audio: Audio) -> tuple[list[Segment], str]:
        """Segments of a whole recording, in order, and its language."""

    def stream(self) -> Stream:
        """A new stream."""
