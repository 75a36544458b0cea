"""Settings of the service."""

from __future__ import annotations

from pydantic import Field, SecretStr

from voicehelper_common import Settings as Common


class Settings(Common):
    """Beside the common ones; the variable's name is the field's, in capitals."""

    port: int = Field(8004, ge=1, le=65535, description="port to listen on")
    max_request_bytes: int = Field(2**20, ge=1024, description="longest request body in bytes; longer ones get 413")
    request_timeout: float = Field(300, gt=0, le=3600, description="seconds until the answer must have begun; then 408 or 504")

    model: str = Field("", description="file of the model (GGUF)")
    model_name: str = Field("smollm2-135m-instruct", min_length=1, description="name of the model in the API")
    api_key: SecretStr = Field(SecretStr(""), description="key that clients send as a bearer token")
    api_key_file: str = Field("", description="file that holds the key, instead of API_KEY; one of them must be set")

    slots: int = Field(4, ge=1, le=256, description="requests that are answered at a time")
    context: int = Field(2048, ge=128, le=1_000_000, description="tokens of one request, question and answer together")
    max_tokens: int = Field(512, ge=1, description="longest answer in tokens; requests that ask for more get this many")
    repeat_penalty: float = Field(1.05, ge=1, le=2, description="how much less likely a token is that is among the last 64; 1: not at all")
    max_queue: int = Field(16, ge=0, le=1000, description="requests that may wait for a slot; more get 429")
    threads: int = Field(0, ge=0, le=256, description="threads of the model; 0: by the container's CPU quota")
    socket: str = Field("/tmp/llama.sock", pattern=r"\.sock$", description="Unix socket between the API and the model's server")
