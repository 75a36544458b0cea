"""The engine behind the API: loaded once, its work bounded and measured."""

from __future__ import annotations

import struct
import time
from collections.abc import AsyncIterator

from prometheus_client import Counter, Histogram

from voicehelper_common import ApiError
from voicehelper_common.cpus import usable_cpus
from voicehelper_common.gate import Gate

from . import engines
from .settings import Settings
from .text import language_of, sentences

ENDLESS = 0xFFFFFFFF  # length in the header of a WAV whose length is not known yet

_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds
_seconds = Histogram("tts_sentence_seconds", "Time to speak a sentence, without its wait", ["engine"], buckets=_BUCKETS)
_audio = Counter("tts_audio_seconds_total", "Audio made", ["engine"])


class Speech:
    """Speaks with the engine of the settings, once that is loaded."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._gate = Gate("syntheses", settings.workers or usable_cpus(), settings.max_queue)
        self.engine: engines.Engine | None = None

    def load(self) -> None:
        """Load voices; blocks. Raises EngineError if a program, library or model is missing."""
        self.engine = engines.load(self.settings)

    def choose(self, text: str, voice: str | None, language: str | None) -> engines.Voice:
        """The voice for a request: the named one, else the first of the language, which the script tells if it is not given.

        Raises:
            ApiError: 400, there is no such voice, or none of the language.
        """
        voices = self.engine.voices
        if voice is not None:
            if found := [one for one in voices if one.id == voice]:
                return found[0]
            raise ApiError(400, "voice", repr(voice), "an `id` of GET /voices")
        wanted = (language or language_of(text)).lower()
        for fits in (lambda tag: tag == wanted, lambda tag: tag.split("-")[0] == wanted.split("-")[0]):
            if found := [one for one in voices if fits(one.language.lower())]:
                return found[0]
        known = sorted({one.language for one in voices})
        wanted_text = ", ".join(known) if len(known) <= 10 else "a `language` of GET /voices"
        raise ApiError(400, "language" if language else "text", repr(language) if language else f"a text in {wanted}", wanted_text)

    async def spoken(self, text: str, voice: engines.Voice, speed: float) -> AsyncIterator[bytes]:
        """Samples of each sentence, s16le, as soon as they are there.

        Raises:
            ApiError: before the first ones: 429, too many are waiting.
        """
        first = True
        for sentence in sentences(text):
            async with self._gate.enter(refuse=first):
                began = time.perf_counter()
                data = await self.engine.speak(sentence, voice, speed)
                _seconds.labels(self.settings.engine).observe(time.perf_counter() - began)
            _audio.labels(self.settings.engine).inc(len(data) / 2 / self.engine.rate)
            first = False
            yield data


def wav_header(rate: int, length: int | None) -> bytes:
    """Header of a WAV file of one channel with `length` bytes of s16le samples; none: not known yet."""
    size, whole = (ENDLESS, ENDLESS) if length is None else (length, length + 36)
    return struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", whole, b"WAVEfmt ", 16, 1, 1, rate, rate * 2, 2, 16, b"data", size)
