"""Settings of the service."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from voicehelper_common import Settings as Common


class Settings(Common):
    """Beside the common ones; the variable's name is the field's, in capitals."""

    port: int = Field(8002, ge=1, le=65535, description="port to listen on")
    max_request_bytes: int = Field(20 * 2**20, ge=1024, description="longest request body in bytes; longer ones get 413")
    request_timeout: float = Field(120, gt=0, le=3600, description="seconds until the answer must have begun; then 408 or 504")

    engine: Literal["moonshine", "faster-whisper", "sherpa-onnx"] = Field("moonshine", description="what recognises speech")
    model: str = Field("", description="folder of the model; empty: the one inside the package of `moonshine`")
    model_kind: str = Field("", description="architecture of the model where the engine has several; see the engine's module")
    language: str = Field("", description="language that is spoken, as `en` or `zh`; empty: the model's, or told from the audio")
    threads: int = Field(0, ge=0, le=256, description="threads of one recognition; 0: by the container's CPU quota")

    workers: int = Field(1, ge=1, le=64, description="recognitions at a time, those of streams included")
    max_queue: int = Field(8, ge=0, le=1000, description="requests that may wait; more get 429")
    max_audio_seconds: float = Field(120, gt=0, le=3600, description="longest recording of /transcribe in seconds; longer ones get 413")

    max_streams: int = Field(8, ge=1, le=1000, description="streams at a time; more are closed with 1013")
    max_stream_seconds: float = Field(3600, gt=0, description="longest stream in seconds of audio; then it is closed with 1000")
    stream_idle_seconds: float = Field(30, gt=0, description="seconds without a frame until a stream is closed with 1001")
    partial_seconds: float = Field(0.5, ge=0.1, le=10, description="seconds of audio between partial texts")
