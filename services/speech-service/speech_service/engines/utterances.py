"""Streaming for engines that only know whole recordings: what is being said is transcribed again as it grows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from ..audio import RATE, Audio
from .base import Update

PAUSE = 0.6  # seconds of silence that end an utterance
LONGEST = 15.0  # seconds after which an utterance is ended without a pause
MARGIN = 0.2  # seconds of audio kept before a voice, whose begin is found late

Speech = list[tuple[int, int]]  # (start, end) in samples, in order


class Utterances:
    """A stream over an engine's two functions.

    Args:
        recognise: text of one utterance.
        find_speech: where in a piece of audio somebody speaks.
        partial_seconds: audio between two partial texts.
    """

    def __init__(self, recognise: Callable[[Audio], str], find_speech: Callable[[Audio], Speech], partial_seconds: float) -> None:
        self._recognise, self._find_speech = recognise, find_speech
        self._step = int(partial_seconds * RATE)
        self._audio = np.empty(0, np.float32)  # not yet in a final text
        self._offset = 0  # samples before it
        self._new = 0  # samples since it was last looked at

    def feed(self, audio: Audio) -> Iterable[Update]:
        """See `Stream`."""
        self._audio = np.concatenate([self._audio, audio])
        self._new += len(audio)
        if self._new >= self._step:
            self._new = 0
            yield from self._look(last=False)

    def finish(self) -> Iterable[Update]:
        """See `Stream`."""
        yield from self._look(last=True)

    def close(self) -> None:
        """See `Stream`."""
        self._audio = np.empty(0, np.float32)

    def _look(self, last: bool) -> Iterable[Update]:
        cut = 0
        for start, end in _joined(self._find_speech(self._audio)):
            over = last or len(self._audio) - end >= PAUSE * RATE or end - start >= LONGEST * RATE
            if text := self._recognise(self._audio[start:end]).strip():
                yield Update(text, (self._offset + start) / RATE, (self._offset + end) / RATE, over)
            if not over:
                self._drop(max(cut, start - int(MARGIN * RATE)))
                return
            cut = end
        self._drop(max(cut, len(self._audio) - int(MARGIN * RATE)))

    def _drop(self, samples: int) -> None:
        self._audio, self._offset = self._audio[samples:], self._offset + samples


def _joined(speech: Speech) -> Speech:
    """Spans with a shorter pause than one between utterances are one."""
    joined: Speech = []
    for start, end in speech:
        if joined and start - joined[-1][1] < PAUSE * RATE and end - joined[-1][0] < LONGEST * RATE:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
