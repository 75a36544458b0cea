"""The application: who may call, how many at once, and how calls end when the service does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from prometheus_client import Counter, Gauge, Histogram

from voicehelper_common import create_app
from voicehelper_dialogue import DialogueError, Voice

from . import __version__
from .answers import Answers
from .call import Call
from .media import keep_to
from .settings import VoiceSettings

_log = logging.getLogger(__name__)
PROTOCOL = "voicehelper.v1"
_WRONG, _POLICY, _FAILED, _RESTART, _BUSY = 1003, 1008, 1011, 1012, 1013  # close codes
calls = Gauge("voice_calls_active", "Calls that are being held")
ended = Counter("voice_calls_total", "Calls by how they ended", ["outcome"])
seconds = Histogram("voice_call_seconds", "Length of calls", buckets=(1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600))


def make_app(settings: VoiceSettings) -> FastAPI:
    """The application of voice-service."""
    held: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        keep_to(settings.ports)
        async with AsyncExitStack() as stack:
            app.state.answers = await stack.enter_async_context(Answers(settings.algo_service_url, settings.answer_timeout))
            app.state.voice = await stack.enter_async_context(Voice(settings.tts_url))
            watch = asyncio.create_task(_stop_when_idle(app))
            yield
            watch.cancel()
            for task in held:
                task.cancel()
            await asyncio.gather(*held, return_exceptions=True)

    async def _stop_when_idle(app: FastAPI) -> None:
        """A drain that has no call left has no reason to last."""
        lifecycle = app.state.lifecycle
        while not lifecycle.draining or held:
            await asyncio.sleep(0.5)
        lifecycle.drain()

    app = create_app("voice-service", __version__, settings, description="Calls by WebRTC; signalling over WS /call.", lifespan=lifespan)
    app.state.lifecycle.require("room", lambda: f"{len(held)} calls" if len(held) >= settings.max_calls else "")

    @app.websocket("/call")
    async def call(socket: WebSocket) -> None:
        """Signalling of a call. See the README for its frames."""
        await socket.accept(PROTOCOL if PROTOCOL in socket.scope.get("subprotocols", ()) else None)
        if (user := _user(socket)) is None:
            await _close(socket, DialogueError("X-User-Id", "no user", "the id of a signed-in user"), _POLICY)
        elif app.state.lifecycle.draining:
            await _close(socket, DialogueError("calls", "a service that is about to stop", "another try"), _RESTART)
        elif len(held) >= settings.max_calls:
            ended.labels("busy").inc()
            await _close(socket, DialogueError("calls", f"{settings.max_calls} at once", "a call less: busy, try again later"), _BUSY)
        else:
            task = asyncio.current_task()
            assert task
            held.add(task)
            try:
                with calls.track_inprogress(), seconds.time():
                    await _hold(Call(socket, settings, app.state.answers, app.state.voice, user), socket)
            finally:
                held.discard(task)

    return app


async def _hold(call: Call, socket: WebSocket) -> None:
    outcome = "failed"
    try:
        outcome = await call.hold()
        if outcome == "ended":
            with contextlib.suppress(RuntimeError):  # where the client closed first
                await socket.close(1000)
        else:
            await _close(socket, DialogueError("call", outcome, "a call that goes on"), _FAILED)
    except WebSocketDisconnect:
        outcome = "ended"
    except DialogueError as error:
        _log.info("A call failed: %s", error)
        await _close(socket, error, _WRONG if error.body["error"]["field"] in ("frame", "sdp", "conversation_id") else _FAILED)
    finally:
        ended.labels(outcome).inc()


async def _close(socket: WebSocket, error: DialogueError, code: int) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await socket.send_json({"type": "error"} | error.body)
        await socket.close(code)


def _user(socket: WebSocket) -> dict[str, str] | None:
    """Headers that tell algo-service who asks, or None where the gateway vouches for nobody."""
    try:
        user_id = str(UUID(socket.headers.get("x-user-id", "")))
    except ValueError:
        return None
    return {"X-User-Id": user_id, "X-User-Role": socket.headers.get("x-user-role", "user")}
