"""The WebSocket: audio in, partial and final texts out.

In: binary frames of 16 kHz mono s16le, at most 64 KiB each; the text frame `{"type": "end"}` ends the audio.
Out: text frames `{"type": "partial" | "final", "text", "start", "end"}` and `{"type": "error", "error": {…}}`.
Closed with 1000 at the end, 1001 idle, 1007 not as above, 1009 a frame too long, 1011 failed here, 1012 the service stops, 1013 too many
streams.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from voicehelper_common import Lifecycle
from voicehelper_common.errors import error_body

from .audio import RATE, from_pcm
from .engines import Update
from .recognition import Live, Recognition

LONGEST_FRAME = 64 * 1024  # bytes
BUFFERED = 4 * 2 * RATE  # bytes that wait for the engine, 4 s; then the client's writes do
TICK = 0.25  # seconds between looks at the clock and at a drain

_log = logging.getLogger(__name__)


class _End(Exception):
    """The stream ends: with this close code, and an error frame if there is a body."""

    def __init__(self, code: int, body: dict[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code, self.body = code, body


async def serve_stream(socket: WebSocket, recognition: Recognition, lifecycle: Lifecycle) -> None:
    """Serve one client until it ends, goes away, or must."""
    await socket.accept()
    live = None if lifecycle.obstacles() else recognition.open()
    if live is None:
        await _close(socket, 1013, error_body("streams", "as many as there may be, or not ready", "another try later"))
        return
    inbox = _Inbox(socket)
    reader = asyncio.create_task(inbox.fill())
    try:
        await _converse(socket, recognition, lifecycle, live, inbox)
    except _End as end:
        await _close(socket, end.code, end.body)
    except WebSocketDisconnect:
        pass  # the client is gone
    except Exception:
        _log.exception("A stream failed")
        await _close(socket, 1011, error_body("service", "a failure of its own", "another try later"))
    finally:
        reader.cancel()
        with suppress(asyncio.CancelledError, WebSocketDisconnect, _End):
            await reader
        await live.close()


async def _converse(socket: WebSocket, recognition: Recognition, lifecycle: Lifecycle, live: Live, inbox: _Inbox) -> None:
    settings, heard, last = recognition.settings, 0.0, time.monotonic()
    while True:
        data = await inbox.take(TICK)
        if data:
            last = time.monotonic()
            heard += len(data) / (2 * RATE)
            await _send(socket, await live.feed(from_pcm(data)))
        over = inbox.end is not None and not inbox.waiting
        idle = time.monotonic() - last > settings.stream_idle_seconds
        if over or idle or lifecycle.draining or heard >= settings.max_stream_seconds:
            if over and isinstance(inbox.end, WebSocketDisconnect):
                raise inbox.end
            await _send(socket, await live.finish())
            raise inbox.end if over else _End(1012 if lifecycle.draining else 1001 if idle else 1000)


class _Inbox:
    """Frames that came and were not taken yet. What comes while the engine works is taken in one piece."""

    def __init__(self, socket: WebSocket) -> None:
        self.end: BaseException | None = None
        self._socket, self._data = socket, bytearray()
        self._filled, self._taken = asyncio.Event(), asyncio.Event()

    @property
    def waiting(self) -> bool:
        """Whether there is something to take."""
        return bool(self._data)

    async def fill(self) -> None:
        """Read frames until the audio ends or cannot go on; `end` says how."""
        try:
            while True:
                self._data += await self._frame()
                self._filled.set()
                while len(self._data) >= BUFFERED:
                    self._taken.clear()
                    await self._taken.wait()
        except (_End, WebSocketDisconnect) as end:
            self.end = end
            self._filled.set()

    async def take(self, seconds: float) -> bytes:
        """All that came; waits for it at most so long."""
        if not self._data and self.end is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._filled.wait(), seconds)
        data = bytes(self._data)
        self._data.clear()
        self._filled.clear()
        self._taken.set()
        return data

    async def _frame(self) -> bytes:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1006))
        if (data := message.get("bytes")) is not None:
            if len(data) > LONGEST_FRAME:
                raise _End(1009, error_body("frame", f"{len(data)} bytes", f"at most {LONGEST_FRAME} bytes"))
            if len(data) % 2:
                raise _End(1007, error_body("frame", f"{len(data)} bytes", "whole samples of 2 bytes"))
            return data
        try:
            command = json.loads(message["text"])
        except ValueError:
            command = None
        if command != {"type": "end"}:
            raise _End(1007, error_body("frame", "a text frame", 'audio in binary frames, or {"type": "end"}'))
        raise _End(1000)


async def _send(socket: WebSocket, updates: list[Update]) -> None:
    for update in updates:
        kind = "final" if update.final else "partial"
        await socket.send_json({"type": kind, "text": update.text, "start": round(update.start, 3), "end": round(update.end, 3)})


async def _close(socket: WebSocket, code: int, body: dict[str, Any] | None = None) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):  # gone in the meantime
        if body:
            await socket.send_json({"type": "error", **body})
        await socket.close(code)
