"""The engine behind the API: loaded once, its work bounded, measured and kept off the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import numpy as np
from prometheus_client import Counter, Gauge, Histogram

from voicehelper_common.cpus import usable_cpus
from voicehelper_common.gate import Gate

from . import engines
from .audio import RATE, Audio, silent
from .settings import Settings

_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)  # seconds
_seconds = Histogram("asr_transcription_seconds", "Time to transcribe a recording, without its wait", ["engine"], buckets=_BUCKETS)
_audio = Counter("asr_audio_seconds_total", "Audio taken in", ["engine", "api"])
_final = Histogram("asr_final_seconds", "Time of the step of a stream that made a text final", ["engine"], buckets=_BUCKETS)
streams_open = Gauge("asr_streams", "Streams that are open")

T = TypeVar("T")


class Recognition:
    """Transcribes with the engine of the settings, once that is loaded."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.name = settings.engine
        self._places = Gate("transcriptions", settings.workers + settings.max_queue, 0)
        self._turns = asyncio.Semaphore(settings.workers)  # the pool has a line of its own, in which streams would wait behind all
        self._pool = ThreadPoolExecutor(settings.workers, "recognition")
        self._engine: engines.Engine | None = None
        self._streams = 0

    def load(self) -> None:
        """Load the model and use it once, so that the first client need not wait; blocks.

        Raises:
            EngineError: a library or model is missing.
        """
        settings = self.settings
        threads = settings.threads or usable_cpus()
        engine = engines.load(settings.model_copy(update={"threads": threads}))
        engine.transcribe(np.random.default_rng(0).normal(0, 0.01, RATE).astype(np.float32))
        self._engine = engine

    def close(self) -> None:
        """End the threads when they are done."""
        self._pool.shutdown(cancel_futures=True)

    def place(self) -> AbstractAsyncContextManager[None]:
        """A place in line, to be held from before a recording is read: so many are in memory at most.

        Raises:
            ApiError: 429, all are taken.
        """
        return self._places.enter()

    async def transcribe(self, prepare: Callable[[], Audio]) -> tuple[list[engines.Segment], str, float]:
        """A recording's segments, language, and length in seconds; its caller holds a place.

        Args:
            prepare: gives the samples; runs in a thread as well, since decoding takes its time.

        Raises:
            ApiError: what `prepare` raises.
        """
        async with self._turns:
            return await self.run(lambda: self._transcribe(prepare()))

    def _transcribe(self, audio: Audio) -> tuple[list[engines.Segment], str, float]:
        began = time.perf_counter()
        segments, language = ([], self.settings.language or "und") if silent(audio) else self._engine.transcribe(audio)
        _seconds.labels(self.name).observe(time.perf_counter() - began)
        _audio.labels(self.name, "transcribe").inc(len(audio) / RATE)
        return segments, language, len(audio) / RATE

    def open(self) -> Live | None:
        """A stream; none if there are as many as there may be."""
        if self._streams >= self.settings.max_streams:
            return None
        self._streams += 1
        streams_open.set(self._streams)
        return Live(self, self._engine.stream())

    def closed(self) -> None:
        """One stream less."""
        self._streams -= 1
        streams_open.set(self._streams)

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` gives, from a thread of the engine."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


class Live:
    """One open stream."""

    def __init__(self, recognition: Recognition, stream: engines.Stream) -> None:
        self._recognition, self._stream = recognition, stream

    async def feed(self, audio: Audio) -> list[engines.Update]:
        """What changed by this audio."""
        _audio.labels(self._recognition.name, "stream").inc(len(audio) / RATE)
        return await self._updates(lambda: list(self._stream.feed(audio)))

    async def finish(self) -> list[engines.Update]:
        """The last text."""
        return await self._updates(lambda: list(self._stream.finish()))

    async def close(self) -> None:
        """Give back what it holds."""
        try:
            await self._recognition.run(self._stream.close)
        finally:
            self._recognition.closed()

    async def _updates(self, work: Callable[[], list[engines.Update]]) -> list[engines.Update]:
        began = time.perf_counter()
        updates = await self._recognition.run(work)
        if any(update.final for update in updates):
            _final.labels(self._recognition.name).observe(time.perf_counter() - began)
        return updates
