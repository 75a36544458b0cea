"""Neighbours of voice-service that speak its protocols with real audio, each a server of its own, and a service to call."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from voice_service.app import make_app
from voice_service.settings import VoiceSettings
from voicehelper_dialogue.testing import Sound, add_sound


@dataclass
class Neighbours(Sound):
    """What the neighbours were asked, and how they are to behave."""

    questions: list[dict] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    stopped: int = 0
    sentences: tuple[str, ...] = ("First sentence. ", "Second one [1]. ")
    status: int = 200


def neighbour_app(state: Neighbours) -> FastAPI:
    """speech-service, tts-service and algo-service in one."""
    app = FastAPI()

    add_sound(app, state)

    @app.post("/query")
    async def query(request: Request) -> Response:
        if state.status >= 400:
            body = {"error": {"field": "bge-service", "found": "no answer", "wanted": "bge-service within its time", "message": "away"}}
            return Response(json.dumps(body), state.status, media_type="application/json")
        state.questions.append(await request.json())
        state.users.append(request.headers["x-user-id"])
        ids = {"request_id": "r" * 8, "conversation_id": "00000000-0000-4000-8000-000000000001"}

        async def events():
            try:
                yield ServerSentEvent(json.dumps(ids | {"sources": [{"title": "A document"}]}), event="sources")
                for sentence in state.sentences:
                    for word in sentence.split(" "):
                        yield ServerSentEvent(json.dumps({"text": word + " "}), event="token")
                    await asyncio.sleep(0.02)
                yield ServerSentEvent(json.dumps(ids | {"finish_reason": "stop"}), event="done")
            except asyncio.CancelledError:
                state.stopped += 1
                raise

        return EventSourceResponse(events())

    return app


def free_port() -> int:
    """A TCP port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(app: FastAPI) -> Iterator[int]:
    """Serve an application on a port of its own, in a thread of its own; gives the port."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the server did not start")
        time.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def neighbours() -> Iterator[tuple[Neighbours, int]]:
    """The neighbours and their port."""
    state = Neighbours()
    with running(neighbour_app(state)) as port:
        yield state, port


@pytest.fixture
def service(neighbours: tuple[Neighbours, int]) -> Iterator[tuple[Neighbours, int]]:
    """A running voice-service, by its port, and the neighbours that it uses."""
    state, port = neighbours
    settings = VoiceSettings(
        algo_service_url=f"http://127.0.0.1:{port}",
        speech_url=f"ws://127.0.0.1:{port}/stream",
        tts_url=f"http://127.0.0.1:{port}/stream",
        max_calls=1,
        connect_seconds=5,
        media_ports="41000-41049",
    )
    with running(make_app(settings)) as own:
        yield state, own
