"""What bge-service can be told, beside what every service can."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from voicehelper_common import Settings
from voicehelper_common.cpus import usable_cpus


class BgeSettings(Settings):
    """Settings of bge-service; the names of `voicehelper-config` where it has them."""

    port: int = Field(8080, ge=1, le=65535, description="port to listen on")
    max_request_bytes: int = Field(4 * 2**20, ge=1024, description="longest request body in bytes; longer ones get 413")
    model_path: Path = Field(Path("/models"), description="folder of the model, read only")
    bge_model_name: str = Field("", description="name that answers carry; empty: the folder's name")
    bge_device: Literal["cpu"] = Field("cpu", description="device of the model")
    bge_normalize: bool = Field(True, description="whether vectors have length 1 where a request does not say")
    bge_batch_size: int = Field(32, ge=1, le=1024, description="texts that go through the model at once")
    bge_max_length: int = Field(512, ge=8, le=8192, description="tokens of a text that count; never more than the model was made for")
    max_text_characters: int = Field(100_000, ge=1, description="characters of the longest text; longer ones get 400")
    queue_texts: int = Field(512, ge=100, description="texts that may wait; beyond them 429")
    batch_wait_ms: float = Field(2, ge=0, le=1000, description="milliseconds that an unfilled batch waits for more texts")
    threads: int = Field(usable_cpus(), ge=1, description="threads of the model; the container's CPUs")
