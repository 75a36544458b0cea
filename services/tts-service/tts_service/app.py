"""The HTTP API."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from voicehelper_common import ApiError, Text, create_app
from voicehelper_common.errors import describe

from .settings import Settings
from .speech import Speech, wav_header
from .text import speakable

AUDIO: dict[int | str, dict[str, Any]] = {
    200: {"description": "Speech, one channel, 16 bits", "content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}}
}
CHUNK = 32 * 1024  # bytes of a part of a stream


class Utterance(BaseModel):
    """What to say, and how. Without `voice` it is the first of the language; without `language` that is told from the script."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[Text, Field(min_length=1)]
    voice: Annotated[Text, Field(min_length=1, max_length=100)] | None = None
    language: Annotated[Text, Field(min_length=2, max_length=35)] | None = None
    speed: Annotated[float, Field(ge=0.5, le=2, allow_inf_nan=False)] = 1


class StreamedUtterance(Utterance):
    """`pcm`: bare samples (s16le); `wav`: the same behind a header whose length is 0xFFFFFFFF, to be read to the end."""

    format: Literal["wav", "pcm"] = "wav"


class VoiceInfo(BaseModel):
    """A voice; `language` as in BCP 47."""

    id: str
    language: str
    name: str


class Voices(BaseModel):
    """What can be asked for; the first of a language is the language's default. `sample_rate` in Hz."""

    engine: str
    sample_rate: int
    voices: list[VoiceInfo]


def make(settings: Settings) -> FastAPI:
    """The service. Its voices are loaded by `state.speech.load`, before anything is served."""
    app = create_app("tts-service", "1", settings, description="Text to speech")
    app.state.speech = speech = Speech(settings)

    async def begin(utterance: Utterance) -> tuple[bytes, AsyncIterator[bytes]]:
        """The first sentence, and those to come: what goes wrong goes wrong before the answer has begun."""
        if len(utterance.text) > settings.max_text_length:
            wanted = f"at most {settings.max_text_length} characters"
            raise ApiError(400, "text", f"{len(utterance.text)} characters", wanted)
        if not speakable(utterance.text):
            raise ApiError(400, "text", describe(utterance.text), "a text with something to say")
        voice = speech.choose(utterance.text, utterance.voice, utterance.language)
        spoken = speech.spoken(utterance.text, voice, utterance.speed)
        return await anext(spoken), spoken

    @app.post("/synthesize", response_class=Response, responses=AUDIO)
    async def synthesize(utterance: Utterance) -> Response:
        """Speech as one WAV file."""
        began = time.perf_counter()
        first, spoken = await begin(utterance)
        data = first + b"".join([part async for part in spoken])
        rate = speech.engine.rate
        headers = {"X-Sample-Rate": str(rate), "X-Processing-Time": f"{time.perf_counter() - began:.3f}"}
        return Response(wav_header(rate, len(data)) + data, media_type="audio/wav", headers=headers)

    @app.post("/stream", response_class=StreamingResponse, responses=AUDIO)
    async def stream(utterance: StreamedUtterance) -> StreamingResponse:
        """Speech sentence by sentence, as soon as it is there."""
        first, spoken = await begin(utterance)
        rate = speech.engine.rate

        async def parts() -> AsyncIterator[bytes]:
            if utterance.format == "wav":
                yield wav_header(rate, None)
            async with aclosing(spoken):
                for chunk in _chunks(first):
                    yield chunk
                async for data in spoken:
                    for chunk in _chunks(data):
                        yield chunk

        kind = "audio/wav" if utterance.format == "wav" else f"audio/pcm;rate={rate};channels=1"
        return StreamingResponse(parts(), media_type=kind, headers={"X-Sample-Rate": str(rate)})

    @app.get("/voices")
    async def voices() -> Voices:
        """The engine's voices."""
        known = [VoiceInfo(id=voice.id, language=voice.language, name=voice.name) for voice in speech.engine.voices]
        return Voices(engine=settings.engine, sample_rate=speech.engine.rate, voices=known)

    return app


def _chunks(data: bytes) -> list[bytes]:
    return [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
