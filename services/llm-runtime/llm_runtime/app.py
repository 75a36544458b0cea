"""The HTTP API: OpenAI's, with a key, bounds and figures before the model's server."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import REGISTRY, Histogram
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from voicehelper_common import ApiError, Text, create_app
from voicehelper_common.gate import Gate

from .engine import Engine
from .settings import Settings

_first = Histogram(
    "llm_first_token_seconds", "From the request to the first part of its streamed answer", buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
)

_bearer = HTTPBearer(auto_error=False)


class _Generation(BaseModel):
    """What is checked here; all other fields of OpenAI's API go to the model as they are."""

    model_config = ConfigDict(extra="allow")

    model: str | None = None
    stream: bool = False
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    n: Annotated[int, Field(ge=1, le=1)] = 1


class Message(BaseModel):
    """A part of the conversation."""

    model_config = ConfigDict(extra="allow")

    role: Annotated[Text, Field(min_length=1, max_length=20)]
    content: Text | list[dict[str, Any]] | None = None


class ChatCompletion(_Generation):
    """A conversation to go on with."""

    messages: Annotated[list[Message], Field(min_length=1, max_length=1000)]


class Completion(_Generation):
    """A text to go on with."""

    prompt: Annotated[Text, Field(min_length=1)]


def make(settings: Settings) -> FastAPI:
    """The service. Its model is loaded by `state.engine.load`, before anything is served.

    Raises:
        OSError: the file of the key cannot be read.
    """
    engine = Engine(settings)
    gate = Gate("generations", settings.slots, settings.max_queue)
    key = key_of(settings).encode()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        REGISTRY.register(engine)
        watch = asyncio.create_task(engine.watch())
        yield
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        await engine.client.aclose()
        REGISTRY.unregister(engine)

    app = create_app("llm-runtime", "1", settings, description="A language model behind OpenAI's API", lifespan=lifespan)
    app.state.engine = engine
    app.state.lifecycle.require("model", engine.obstacle)

    def authorise(sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
        if not key or sent is None or not hmac.compare_digest(sent.credentials.encode(), key):
            raise ApiError(401, "authorization", "no key" if sent is None else "a wrong key", "Bearer and the key of this service")

    @app.post("/v1/chat/completions", dependencies=[Depends(authorise)], response_class=Response)
    async def chat(request: Request, wanted: ChatCompletion) -> Response:
        """The next message of a conversation, whole or streamed (server-sent events)."""
        return await generate(request, wanted)

    @app.post("/v1/completions", dependencies=[Depends(authorise)], response_class=Response)
    async def complete(request: Request, wanted: Completion) -> Response:
        """How a text goes on, whole or streamed (server-sent events)."""
        return await generate(request, wanted)

    @app.get("/v1/models", dependencies=[Depends(authorise)], response_class=Response)
    async def models() -> Response:
        """The one model."""
        return _passed(await engine.client.get("/v1/models"))

    async def generate(request: Request, wanted: _Generation) -> Response:
        if wanted.model not in (None, settings.model_name):
            raise ApiError(404, "model", "another model", settings.model_name)
        began = time.perf_counter()
        body = wanted.model_dump(exclude_unset=True)
        body.pop("max_completion_tokens", None)
        body["max_tokens"] = min(wanted.max_completion_tokens or wanted.max_tokens or settings.max_tokens, settings.max_tokens)
        async with AsyncExitStack() as held:
            await held.enter_async_context(gate.enter())
            content = json.dumps(body).encode()  # in ASCII: what is no valid Unicode is for the model's server to refuse
            asked = engine.client.build_request("POST", request.url.path, content=content, headers={"Content-Type": "application/json"})
            try:
                answer = await engine.client.send(asked, stream=True)
                held.push_async_callback(answer.aclose)
                if not wanted.stream or answer.is_error:
                    await answer.aread()
                    return _passed(answer)
            except httpx.HTTPError as error:
                raise ApiError(503, "model", type(error).__name__, "a model's server that answers", retry_after=5) from error
            kept = held.pop_all()  # the place is held as long as the stream

        async def parts() -> AsyncIterator[bytes]:
            seen = False
            async for part in answer.aiter_raw():
                if not seen:
                    _first.observe(time.perf_counter() - began)
                    seen = True
                yield part

        return _Stream(parts(), kept.aclose)

    return app


class _Stream(StreamingResponse):
    """Server-sent events with an end that is reached on all ways: a client that goes away ends the generation, too."""

    def __init__(self, parts: AsyncIterator[bytes], ending: Callable[[], Awaitable[None]]) -> None:
        super().__init__(parts, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        self._ending = ending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await asyncio.shield(self._ending())


def key_of(settings: Settings) -> str:
    """The key that clients must send; empty if none is set."""
    return Path(settings.api_key_file).read_text().strip() if settings.api_key_file else settings.api_key.get_secret_value()


def _passed(answer: httpx.Response) -> Response:
    return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))
