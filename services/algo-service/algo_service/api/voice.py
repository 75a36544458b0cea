"""A spoken conversation over a WebSocket: audio in, text and audio out."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from voicehelper_common import ApiError
from voicehelper_common.errors import error_body
from voicehelper_dialogue import Dialogue, DialogueError, Piece, Voice

from ..failures import Unavailable
from ..parts import Parts
from ..records import Caller
from .common import caller_of, parts_of

router = APIRouter()
PROTOCOL = "voicehelper.v1"
_WAITING = 64  # frames for a slow client before the answer waits for it
OPENING_SECONDS = 15.0  # in which a client says what it wants
_IDLE, _WRONG, _POLICY, _BUSY, _FAILED = 1001, 1003, 1008, 1013, 1011  # close codes


class _Silence(DialogueError):
    """Nobody has said anything for long."""


class _Places:
    """Who holds spoken conversations with this process, and how many there may be."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._held: Counter[UUID] = Counter()

    def full(self, user: UUID) -> dict[str, Any] | None:
        """The error where there is no place for a user."""
        if self._held.total() >= self._most:
            return error_body("voice", f"{self._most} conversations", "fewer at the same time")
        if self._held[user] >= self._most_of_one:
            return error_body("voice", f"{self._most_of_one} conversations of this user", "fewer at the same time")
        return None

    @contextmanager
    def taken(self, user: UUID) -> Iterator[None]:
        self._held[user] += 1
        try:
            yield
        finally:
            self._held -= Counter([user])  # which forgets users who have none


class _Line:
    """The client's end: what it is sent, in order; audio that it was not sent yet can be dropped."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._queue: asyncio.Queue[dict[str, Any] | tuple[bytes, int]] = asyncio.Queue(_WAITING)
        self._rate = 0
        self._active = time.monotonic()  # when somebody last said something

    async def tell(self, event: dict[str, Any]) -> None:
        self._active = time.monotonic()
        await self._queue.put(event)

    async def play(self, samples: bytes, rate: int) -> None:
        self._active = time.monotonic()
        await self._queue.put((samples, rate))

    def silence(self) -> None:
        kept = []
        while not self._queue.empty():
            if isinstance(waiting := self._queue.get_nowait(), dict):
                kept.append(waiting)
        for event in [*kept, {"type": "silence"}][-_WAITING:]:
            self._queue.put_nowait(event)

    async def played(self) -> None:
        """The client plays; when it has, is not known here."""

    async def watch(self, most: float) -> None:
        """Wait until nothing was said for so many seconds.

        Raises:
            _Silence: that is so.
        """
        while (left := self._active + most - time.monotonic()) > 0:
            await asyncio.sleep(left)
        raise _Silence("voice", f"nothing said for {most:g} s", "a conversation")

    async def pump(self) -> None:
        """Send what there is, until the client has gone."""
        while True:
            match await self._queue.get():
                case (samples, rate):
                    if rate != self._rate:
                        self._rate = rate
                        await self._socket.send_json({"type": "audio", "encoding": "s16le", "channels": 1, "rate": rate})
                    await self._socket.send_bytes(samples)
                case event:
                    await self._socket.send_json(event)


class _Asker:
    """Answers within one conversation, which its first question begins."""

    def __init__(self, parts: Parts, caller: Caller, conversation_id: UUID | None) -> None:
        self._parts, self._caller, self._conversation_id = parts, caller, conversation_id

    async def __call__(self, question: str) -> AsyncIterator[Piece]:
        try:
            turn = await self._parts.answers.prepare(question[:4000], self._caller, self._conversation_id, 5, str(uuid4()))
            self._conversation_id = turn.conversation_id
            yield Piece(sources=turn.sources)
            async with aclosing(self._parts.answers.stream(turn)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    yield Piece(piece)
        except Unavailable as error:
            raise DialogueError.of(error.as_error().body) from error
        except ApiError as error:
            raise DialogueError.of(error.body) from error


@router.websocket("/voice/stream")
async def stream(socket: WebSocket) -> None:
    """Hold a spoken conversation.

    From the client: binary frames of audio (16 kHz, mono, s16le); text frames `{"type": "start", "conversation_id"?}`, first and at will,
    and `{"type": "bye"}`. To the client: text frames `state`, `transcript`, `sources`, `error` as in a call, `audio` with the rate of the
    binary frames after it, and `silence`: drop what is not played yet.
    """
    parts = parts_of(socket)
    await socket.accept(PROTOCOL if PROTOCOL in socket.scope.get("subprotocols", ()) else None)
    settings = parts.settings
    places: _Places = socket.app.state.__dict__.setdefault("streams", _Places(settings.voice_streams, settings.voice_streams_per_user))
    try:
        caller = await caller_of(parts, socket.headers.get("x-user-id", ""))
    except (ApiError, Unavailable) as error:
        body = error.body if isinstance(error, ApiError) else error.as_error().body
        await _refuse(socket, body, _POLICY if isinstance(error, ApiError) else _FAILED)
        return
    if full := places.full(caller.user_id):
        await _refuse(socket, full, _BUSY)
        return
    with places.taken(caller.user_id):
        try:
            await _hold(socket, parts, caller)
        except WebSocketDisconnect:
            pass
        except DialogueError as error:
            await _refuse(socket, error.body, _IDLE if isinstance(error, _Silence) else _FAILED)


async def _hold(socket: WebSocket, parts: Parts, caller: Caller) -> None:
    """Run the conversation until the client goes.

    Raises:
        WebSocketDisconnect: it went.
        DialogueError: it cannot go on, the client sent what it must not, or nobody says anything.
    """
    try:
        async with asyncio.timeout(OPENING_SECONDS):
            conversation_id, waiting = await _opening(socket)
    except TimeoutError as error:
        raise _Silence("frame", f"none in {OPENING_SECONDS:g} s", "audio, or a JSON object") from error
    line = _Line(socket)
    async with Voice(parts.settings.tts_url) as voice:
        dialogue = Dialogue(parts.settings.speech_url, voice, _Asker(parts, caller, conversation_id), line)

        async def listen() -> None:
            if waiting:
                dialogue.hear(waiting)
            while samples := await _samples(socket):
                dialogue.hear(samples)

        tasks = [asyncio.create_task(work) for work in (listen(), dialogue.run(), line.pump(), line.watch(parts.settings.voice_idle))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
    for task, result in zip(tasks, results, strict=True):
        if task in done and isinstance(result, Exception):
            raise result
    await socket.close(1000)


async def _opening(socket: WebSocket) -> tuple[UUID | None, bytes]:
    """The conversation that the client's first frame names, or the audio that it is."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    if samples := message.get("bytes"):
        return None, _checked(samples)
    try:
        frame = json.loads(message["text"])
        return (UUID(frame["conversation_id"]) if frame.get("conversation_id") else None), b""
    except (ValueError, AttributeError, TypeError) as error:
        raise DialogueError("frame", "no JSON object of that form", '{"type": "start", "conversation_id": a UUID or nothing}') from error


async def _samples(socket: WebSocket) -> bytes:
    """The next audio of the client; empty when it says good-bye."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        if samples := message.get("bytes"):
            return _checked(samples)
        try:
            kind = json.loads(message.get("text") or "null")["type"]
        except (ValueError, TypeError, KeyError) as error:
            raise DialogueError("frame", "no JSON object with a type", "audio, or a JSON object") from error
        if kind == "bye":
            return b""


def _checked(samples: bytes) -> bytes:
    if len(samples) % 2 or len(samples) > 1 << 20:
        raise DialogueError("frame", f"{len(samples)} bytes", "an even number of bytes of s16le audio, at most 1 MiB")
    return samples


async def _refuse(socket: WebSocket, body: dict[str, Any], code: int) -> None:
    await socket.send_json({"type": "error"} | body)
    await socket.close(code)
