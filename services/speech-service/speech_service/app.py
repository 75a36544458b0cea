"""The HTTP API."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, WebSocket
from pydantic import BaseModel
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from voicehelper_common import ApiError, create_app

from .audio import decode
from .recognition import Recognition
from .settings import Settings
from .stream import serve_stream

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
BODY = {
    "required": True,
    "content": {kind: _BINARY for kind in ("audio/wav", "audio/flac", "audio/ogg", "audio/mpeg", "audio/pcm")}
    | {"multipart/form-data": {"schema": _FORM}},
}


class Piece(BaseModel):
    """A piece of speech; times in seconds from the begin."""

    text: str
    start: float
    end: float


class Transcript(BaseModel):
    """What was said. `duration`: of the audio, `processing_time`: until this answer, both in seconds."""

    text: str
    language: str
    segments: list[Piece]
    duration: float
    processing_time: float


def make(settings: Settings) -> FastAPI:
    """The service. The model is loaded by `state.recognition.load`, before anything is served."""
    recognition = Recognition(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        recognition.close()

    app = create_app("speech-service", "1", settings, description="Speech to text", lifespan=lifespan)
    app.state.recognition = recognition

    @app.post("/transcribe", openapi_extra={"requestBody": BODY})
    async def transcribe(request: Request) -> Transcript:
        """The text of a recording: a file as the body or as the field `file` of a form, or `audio/pcm;rate=16000;channels=1` (s16le)."""
        began = time.perf_counter()
        async with recognition.place():
            data, kind = await _recording(request, settings.max_request_bytes)
            segments, language, duration = await recognition.transcribe(partial(decode, data, kind, settings.max_audio_seconds))
        pieces = [Piece(text=piece.text, start=round(piece.start, 3), end=round(piece.end, 3)) for piece in segments if piece.text]
        return Transcript(
            text=" ".join(piece.text for piece in pieces),
            language=language,
            segments=pieces,
            duration=round(duration, 3),
            processing_time=round(time.perf_counter() - began, 3),
        )

    @app.websocket("/stream")
    async def stream(socket: WebSocket) -> None:
        await serve_stream(socket, recognition, app.state.lifecycle)

    return app


async def _recording(request: Request, most: int) -> tuple[bytes, str]:
    """The audio of a request, which is of at most `most` bytes, and its content type."""
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        if not kind.startswith(("audio/", "application/octet-stream", "video/ogg")):
            raise ApiError(415, "content-type", repr(kind[:60]) if kind else "nothing", "audio/wav, audio/pcm, … or multipart/form-data")
        return await request.body(), kind
    parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=8)
    parser.spool_max_size = most  # in memory, like any other body: /tmp is too small for those of all who may wait
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise ApiError(400, "body", "a form that cannot be read", "multipart/form-data with one file") from error
    try:
        file: Any = form.get("file")
        if not isinstance(file, UploadFile):
            raise ApiError(400, "file", "nothing" if file is None else "a text", "a recording in the field `file`")
        return await file.read(), file.content_type or "application/octet-stream"
    finally:
        await form.close()
