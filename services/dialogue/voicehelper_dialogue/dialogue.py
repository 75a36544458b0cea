"""Who speaks when: hears the user, answers, and falls silent when the user goes on speaking."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
from prometheus_client import Counter, Histogram
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from voicehelper_common import trace_headers
from voicehelper_common.errors import error_body

from .sentences import Sentences
from .synthesis import Voice

_log = logging.getLogger(__name__)
RATE = 16000  # of what is heard, Hz
_WAITING_SECONDS = 5  # of audio that speech-service has not taken yet; the oldest is dropped then
_FRAME_MOST = 32 * 1024  # bytes of audio that speech-service is sent at once
_RETRIES = 5
_BUSY, _RESTARTS = 1013, (1001, 1006, 1011, 1012)  # close codes
first_audio = Histogram(
    "voice_first_audio_seconds",
    "Time from the end of what the user said to the first audio of the answer",
    buckets=(0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 13, 21),
)
turns = Counter("voice_turns_total", "What users said, by what became of the answer", ["outcome"])


class DialogueError(Exception):
    """What ends a turn or a call, as the client is told: `body` is that of an error of the API."""

    def __init__(self, field: str, found: str, wanted: str) -> None:
        self.body: dict[str, Any] = error_body(field, found, wanted)
        super().__init__(self.body["error"]["message"])

    @classmethod
    def of(cls, body: dict[str, Any]) -> DialogueError:
        """One that another service has said already."""
        told = body.get("error") or {}
        return cls(*(str(told.get(name, "")) for name in ("field", "found", "wanted")))


@dataclass(frozen=True)
class Piece:
    """A piece of an answer: its sources, which come first, or text."""

    text: str = ""
    sources: list[dict[str, Any]] = field(default_factory=list)


Ask = Callable[[str], AsyncIterator[Piece]]
"""From what was said to the answer; closing the iterator stops it. Raises DialogueError."""


class Ear(Protocol):
    """Who hears and sees the answer. Its methods do not raise: that the user has gone ends the dialogue by cancelling it."""

    async def tell(self, event: dict[str, Any]) -> None:
        """Send an event: `state`, `transcript`, `sources`, `error`."""

    async def play(self, samples: bytes, rate: int) -> None:
        """Play audio (s16le, mono) after what is still to be played; returns at once, or when there is room for it."""

    def silence(self) -> None:
        """Drop what is still to be played."""

    async def played(self) -> None:
        """Return when all has been played."""


class Dialogue:
    """One conversation.

    Args:
        speech_url: WebSocket of speech-service.
        voice: that speaks the answers.
        ask: that finds them.
        ear: that hears them.
    """

    def __init__(self, speech_url: str, voice: Voice, ask: Ask, ear: Ear) -> None:
        self._speech_url, self._voice, self._ask, self._ear = speech_url, voice, ask, ear
        self._audio: asyncio.Queue[bytes] = asyncio.Queue()
        self._waiting = 0  # bytes in the queue
        self._heard_seconds = 0.0  # that this connection of speech-service was sent
        self._answer: asyncio.Task[None] | None = None
        self._said: list[str] = []  # sentences of the answer whose audio has begun

    def hear(self, samples: bytes) -> None:
        """Take audio of the user: 16 kHz, mono, s16le, any length."""
        for start in range(0, len(samples), _FRAME_MOST):
            self._audio.put_nowait(samples[start : start + _FRAME_MOST])
        self._waiting += len(samples)
        while self._waiting > RATE * 2 * _WAITING_SECONDS and not self._audio.empty():
            self._waiting -= len(self._audio.get_nowait())

    async def run(self) -> None:
        """Hold the conversation until it is cancelled.

        Raises:
            DialogueError: speech cannot be recognised (any more).
        """
        failed = 0
        try:
            await self._ear.tell({"type": "state", "state": "listening"})
            while True:
                began = time.monotonic()
                try:
                    async with connect(
                        self._speech_url, additional_headers=trace_headers(), open_timeout=5, max_size=2**20, compression=None
                    ) as link:
                        await self._listen(link)
                except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed) as error:
                    code = error.rcvd.code if isinstance(error, ConnectionClosed) and error.rcvd else 1006
                    if code == _BUSY:
                        raise DialogueError("speech-service", "no room", "a call less") from error
                    failed = 0 if time.monotonic() - began > 20 else failed + 1
                    if code not in _RESTARTS or failed > _RETRIES:
                        raise DialogueError("speech-service", f"no connection ({code})", "speech recognition") from error
                    _log.warning("Speech recognition is connected anew: %s", error)
                    await asyncio.sleep(0.2 * failed)
                except InvalidURI as error:
                    raise DialogueError("speech-service", self._speech_url, "the URL of a WebSocket") from error
        finally:
            await self._stop()

    async def _listen(self, link: ClientConnection) -> None:
        """Send what is heard and take what is understood, until the connection ends."""
        self._heard_seconds = 0.0
        sender = asyncio.create_task(self._send(link))
        try:
            while True:
                message = json.loads(await link.recv())
                if message["type"] in ("speech", "partial") and (message["type"] == "speech" or message["text"].strip()):
                    await self._interrupt()
                if message["type"] == "partial" and message["text"].strip():
                    await self._ear.tell({"type": "transcript", "role": "user", "text": message["text"], "final": False})
                elif message["type"] == "final" and message["text"].strip():
                    await self._interrupt()
                    await self._ear.tell({"type": "transcript", "role": "user", "text": message["text"], "final": True})
                    ended = time.monotonic() - max(0.0, self._heard_seconds - float(message["end"]))
                    self._answer = asyncio.create_task(self._reply(message["text"], ended))
                elif message["type"] == "error":
                    await self._ear.tell({"type": "error", "error": message["error"]})
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await sender

    async def _send(self, link: ClientConnection) -> None:
        while True:
            samples = await self._audio.get()
            self._waiting -= len(samples)
            self._heard_seconds += len(samples) / 2 / RATE
            await link.send(samples)

    async def _interrupt(self) -> None:
        """Fall silent, where an answer is being given."""
        if self._answer is not None and not self._answer.done():
            await self._stop()
            await self._tell_said()
            turns.labels("interrupted").inc()
            await self._ear.tell({"type": "state", "state": "listening"})

    async def _stop(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await answer
        self._ear.silence()

    async def _reply(self, question: str, ended: float) -> None:
        """Answer; never raises, as nobody waits for it.

        Args:
            ended: when the user stopped speaking, by the monotonic clock.
        """
        await self._ear.tell({"type": "state", "state": "thinking"})
        sentences: asyncio.Queue[str | None] = asyncio.Queue(4)
        thinker = asyncio.create_task(self._think(question, sentences))
        outcome = "answered"
        try:
            await self._speak(sentences, ended)
            await thinker
            await self._ear.played()
        except DialogueError as error:
            outcome = "failed"
            await self._ear.tell({"type": "error"} | error.body)
        except (httpx.HTTPError, ValueError) as error:
            outcome = "failed"
            _log.warning("An answer cannot be spoken: %s", error)
            await self._ear.tell({"type": "error"} | DialogueError("tts-service", "no audio", "speech of the answer").body)
        finally:
            if not thinker.done():
                thinker.cancel()
            with contextlib.suppress(asyncio.CancelledError, DialogueError):
                await thinker
        turns.labels(outcome).inc()
        await self._ear.tell({"type": "state", "state": "listening"})

    async def _think(self, question: str, sentences: asyncio.Queue[str | None]) -> None:
        """Put the sentences of the answer into the queue, and None at the end, be it good or bad."""
        try:
            cut = Sentences()
            async with contextlib.aclosing(self._ask(question)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    if piece.sources:
                        await self._ear.tell({"type": "sources", "sources": piece.sources})
                    for sentence in cut.add(piece.text):
                        await sentences.put(sentence)
            for sentence in cut.end():
                await sentences.put(sentence)
        except Exception:
            await sentences.put(None)
            raise
        await sentences.put(None)

    async def _speak(self, sentences: asyncio.Queue[str | None], ended: float) -> None:
        said = self._said = []
        while (sentence := await sentences.get()) is not None:
            audible = False
            async with contextlib.aclosing(self._voice.say(sentence)) as audio:  # type: ignore[type-var]
                async for samples, rate in audio:
                    if not said and not audible:
                        first_audio.observe(time.monotonic() - ended)
                        await self._ear.tell({"type": "state", "state": "speaking"})
                    if not audible:
                        audible = True
                        said.append(sentence)
                        await self._ear.tell({"type": "transcript", "role": "assistant", "text": " ".join(said), "final": False})
                    await self._ear.play(samples, rate)
        await self._tell_said()

    async def _tell_said(self) -> None:
        """Tell what of the answer was spoken, once and for all."""
        said, self._said = self._said, []
        if said:
            await self._ear.tell({"type": "transcript", "role": "assistant", "text": " ".join(said), "final": True})
