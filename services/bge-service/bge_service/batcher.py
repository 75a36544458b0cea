"""Texts of all requests go through the model together, in batches; those that wait are bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter, Gauge, Histogram
from tokenizers import Encoding

from voicehelper_common import ApiError
from voicehelper_common.metrics import LATENCY_BUCKETS

from .encoder import Encoder

Floats = NDArray[np.float32]

batch_seconds = Histogram("bge_embed_duration_seconds", "Time of one batch in the model", buckets=LATENCY_BUCKETS)
wait_seconds = Histogram("bge_queue_wait_seconds", "Time a text waited for its batch", buckets=LATENCY_BUCKETS)
batch_texts = Histogram("bge_batch_texts", "Texts in a batch", buckets=(1, 2, 4, 8, 16, 32, 64, 128))
waiting_texts = Gauge("bge_queue_texts", "Texts that wait for the model")
embedded_texts = Counter("bge_texts_total", "Texts embedded")
refused_texts = Counter("bge_texts_refused_total", "Texts refused as the queue was full")


@dataclass(slots=True)
class _Text:
    encoding: Encoding
    most: int  # texts of its batch, as its request wants it
    vector: asyncio.Future[Floats]
    since: float = field(default_factory=perf_counter)


class Batcher:
    """Dynamic batching: the model takes what waits, up to `batch_size` texts, as soon as it is free; a batch that is not full waits
    `wait` seconds for more. One thread runs the model, one makes tokens; the event loop stays free."""

    def __init__(self, encoder: Encoder, batch_size: int, queue_texts: int, wait: float) -> None:
        self._encoder = encoder
        self._batch_size, self._queue_texts, self._wait = batch_size, queue_texts, wait
        self._waiting: deque[_Text] = deque()
        self._reserved = 0  # texts whose tokens are being made: they count as waiting
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._model = ThreadPoolExecutor(1, "model")
        self._tokens = ThreadPoolExecutor(1, "tokens")
        self._task = asyncio.create_task(self._run())

    async def embed(self, texts: list[str], batch_size: int | None = None) -> Floats:
        """Vectors (texts, dimension), not normalised.

        Args:
            texts: at least one.
            batch_size: no text of these shares a batch with more than this many.

        Raises:
            ApiError: 429, as too many texts wait.
        """
        waiting = len(self._waiting) + self._reserved
        if waiting + len(texts) > self._queue_texts:
            refused_texts.inc(len(texts))
            raise ApiError(429, "queue", f"{waiting} texts waiting", f"at most {self._queue_texts} with this request's", retry_after=1)
        loop = asyncio.get_running_loop()
        self._reserved += len(texts)
        try:
            encodings = await loop.run_in_executor(self._tokens, self._encoder.tokenize, texts)
        finally:
            self._reserved -= len(texts)
        most = min(batch_size or self._batch_size, self._batch_size)
        items = [_Text(encoding, most, loop.create_future()) for encoding in encodings]
        self._waiting.extend(sorted(items, key=lambda item: len(item.encoding.ids)))  # alike in length: little padding
        self._note()
        try:
            return np.stack(await asyncio.gather(*(item.vector for item in items)))
        finally:
            for item in items:  # a client that went away: its texts are not worth the model's time
                item.vector.cancel()

    async def close(self) -> None:
        """Stop; whoever still waits is cancelled."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for item in self._waiting:
            item.vector.cancel()
        self._model.shutdown(wait=True)
        self._tokens.shutdown(wait=True)

    def _note(self) -> None:
        waiting_texts.set(len(self._waiting))
        (self._arrived.set if self._waiting else self._arrived.clear)()
        (self._full.set if len(self._waiting) >= self._batch_size else self._full.clear)()

    def _take(self) -> list[_Text]:
        batch: list[_Text] = []
        most = self._batch_size
        while self._waiting and len(batch) < most:
            item = self._waiting[0]
            most = min(most, item.most)
            if batch and len(batch) >= most:
                break
            self._waiting.popleft()
            if not item.vector.done():
                batch.append(item)
        self._note()
        return batch

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            if self._wait and not self._full.is_set():
                try:
                    async with asyncio.timeout(self._wait):
                        await self._full.wait()
                except TimeoutError:
                    pass
            if batch := self._take():
                began = perf_counter()
                for item in batch:
                    wait_seconds.observe(began - item.since)
                try:
                    vectors = await loop.run_in_executor(self._model, self._encoder.encode, [item.encoding for item in batch])
                except Exception as error:  # of the model: it is these requests', not the batcher's end
                    for item in batch:
                        if not item.vector.done():
                            item.vector.set_exception(error)
                    continue
                batch_seconds.observe(perf_counter() - began)
                batch_texts.observe(len(batch))
                embedded_texts.inc(len(batch))
                for item, vector in zip(batch, vectors, strict=True):
                    if not item.vector.done():
                        item.vector.set_result(vector)
