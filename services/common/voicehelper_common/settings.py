"""Settings come from the environment, are checked once, and a wrong one ends the start with a sentence that names it."""

from __future__ import annotations

import sys
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from .errors import explain

Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(str.upper)]


class Settings(BaseSettings):
    """What every service can be told. A service derives its own from it; the variable's name is the field's, in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, protected_namespaces=())

    host: str = Field("0.0.0.0", description="address to listen on")
    port: int = Field(8080, ge=1, le=65535, description="port to listen on")
    log_level: Level = Field("INFO", description="lowest level that is logged")
    max_request_bytes: int = Field(10 * 2**20, ge=1024, description="longest request body in bytes; longer ones get 413")
    request_timeout: float = Field(30, gt=0, le=3600, description="seconds until the answer must have begun; then 408 or 504")
    drain_seconds: float = Field(2, ge=0, le=300, description="seconds after SIGTERM in which new requests are still served, not ready")
    grace_seconds: float = Field(20, gt=0, le=600, description="seconds that running requests have to end after that")
    enable_tracing: bool = Field(True, description="whether spans are exported, where an endpoint is named")
    otel_exporter_otlp_endpoint: str = Field("", description="base URL of an OTLP/HTTP collector; empty: no spans are exported")


S = TypeVar("S", bound=Settings)


def read_settings(kind: type[S]) -> S:
    """Settings of `kind` from the environment.

    Raises:
        SystemExit: a value is wrong or missing; the message names variable and what is wanted.
    """
    try:
        return kind()
    except ValidationError as error:
        problems = [f"{str(e['loc'][0]).upper() if e['loc'] else 'settings'}: {explain(e)['message']}" for e in error.errors()]
        sys.exit("\n".join(problems))
