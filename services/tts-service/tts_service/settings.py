"""Settings of the service."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from voicehelper_common import Settings as Common


class Settings(Common):
    """Beside the common ones; the variable's name is the field's, in capitals."""

    port: int = Field(8003, ge=1, le=65535, description="port to listen on")
    max_request_bytes: int = Field(64 * 2**10, ge=1024, description="longest request body in bytes; longer ones get 413")

    engine: Literal["espeak-ng", "flite", "piper", "sherpa-onnx"] = Field("espeak-ng", description="what speaks")
    model: str = Field("", description="folder of the voices, for piper and sherpa-onnx")
    model_kind: str = Field("vits", description="architecture of the model, for sherpa-onnx: vits or kokoro")
    language: str = Field("", description="language of the model, for sherpa-onnx, as zh or en-US")
    threads: int = Field(0, ge=0, le=256, description="threads of piper and sherpa-onnx; 0: by the container's CPU quota")

    workers: int = Field(0, ge=0, le=64, description="sentences in work at a time; 0: by the container's CPU quota")
    max_queue: int = Field(16, ge=0, le=1000, description="requests that may wait; more get 429")
    max_text_length: int = Field(2000, ge=1, le=100_000, description="longest text in characters; longer ones get 400")
