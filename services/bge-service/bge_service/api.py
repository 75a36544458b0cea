"""The HTTP API of bge-service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from voicehelper_common import ApiError, Text, count, create_app

from .batcher import Batcher
from .encoder import Encoder, normalize
from .settings import BgeSettings

T = TypeVar("T")
MOST_TEXTS = 100  # of a request, by the contract
CLIENT_GONE = 499  # status in metrics and log, as nginx has it; nobody gets it
_log = logging.getLogger(__name__)


class EmbedRequest(BaseModel):
    """Texts to embed."""

    texts: Annotated[list[Text], Field(min_length=1, max_length=MOST_TEXTS), count(1, MOST_TEXTS, "texts")]
    normalize: bool | None = Field(None, description="whether vectors have length 1; default: BGE_NORMALIZE")
    batch_size: int | None = Field(None, ge=1, le=1024, description="most texts in the model at once, below BGE_BATCH_SIZE")


class EmbedAnswer(BaseModel):
    """One vector a text, in their order."""

    model_config = ConfigDict(protected_namespaces=())

    embeddings: list[list[float]]
    dimension: int
    model_name: str
    processing_time: float = Field(description="seconds")


class Info(BaseModel):
    """What answers."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    dimension: int
    max_length: int = Field(description="tokens")
    batch_size: int
    normalize: bool
    pooling: str
    engine: str
    device: str


def make(settings: BgeSettings) -> FastAPI:
    """The application; the model is loaded in the background, and `/ready` says when it is."""
    running: list[tuple[Encoder, Batcher]] = []

    async def load(app: FastAPI) -> None:
        began = perf_counter()
        try:
            made = await asyncio.to_thread(Encoder, settings.model_path, settings.bge_max_length, settings.threads, settings.bge_model_name)
        except Exception as error:
            _log.exception("The model cannot be loaded")
            app.state.lifecycle.fail(f"{settings.model_path}: {error}")
            return
        running.append((made, Batcher(made, settings.bge_batch_size, settings.queue_texts, settings.batch_wait_ms / 1000)))
        fields = {"model": made.name, "dimension": made.dimension, "engine": made.engine, "seconds": round(perf_counter() - began, 2)}
        _log.info("The model is loaded", extra=fields)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(load(app))
        yield
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
        for _, batcher in running:
            await batcher.close()
        running.clear()

    def model() -> tuple[Encoder, Batcher]:
        if not running:
            raise ApiError(503, "model", "a model that is being loaded", "a loaded model", retry_after=5)
        return running[0]

    app = create_app("bge-service", "1", settings, description="Sentence embeddings", lifespan=lifespan)
    app.state.lifecycle.require("model", lambda: "" if running else "the model is being loaded")

    @app.post("/embed", response_model=EmbedAnswer)
    async def embed(body: EmbedRequest, request: Request) -> Response:
        """One vector a text. 400 for no text, more than 100, or one too long; 429 when too many wait; 503 until the model is loaded."""
        began = perf_counter()
        encoder, batcher = model()
        for place, text in enumerate(body.texts):
            if len(text) > settings.max_text_characters:
                raise ApiError(400, f"texts.{place}", f"{len(text)} characters", f"at most {settings.max_text_characters} characters")
        vectors = await _while_connected(request, batcher.embed(body.texts, body.batch_size))
        if settings.bge_normalize if body.normalize is None else body.normalize:
            vectors = normalize(vectors)
        answer = {
            "embeddings": vectors,
            "dimension": encoder.dimension,
            "model_name": encoder.name,
            "processing_time": perf_counter() - began,
        }
        return Response(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")

    @app.get("/info")
    async def info() -> Info:
        """The model and how it is used."""
        encoder, _ = model()
        return Info(
            model_name=encoder.name,
            dimension=encoder.dimension,
            max_length=encoder.max_length,
            batch_size=settings.bge_batch_size,
            normalize=settings.bge_normalize,
            pooling=encoder.pooling,
            engine=encoder.engine,
            device=settings.bge_device,
        )

    return app


async def _while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives; cancels it when the client goes away, of which nothing else tells a handler."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(request.receive())  # the body has been read: what comes next is the end of the connection
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ApiError(CLIENT_GONE, "connection", "a client that went away", "one that waits for its answer")
        return task.result()
    finally:
        task.cancel()
        gone.cancel()
