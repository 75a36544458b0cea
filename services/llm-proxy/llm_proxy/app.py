"""LiteLLM's proxy within a service of this platform: its API and nothing else of it, with our health, drain, logs, traces and figures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from litellm.proxy.proxy_server import app as litellm_app
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from voicehelper_common import create_app

from .settings import Settings

PATHS = frozenset(prefix + path for prefix in ("", "/v1") for path in ("/chat/completions", "/completions", "/embeddings", "/models"))


def make(settings: Settings) -> FastAPI:
    """The service; LiteLLM reads its configuration and connects when it starts."""
    started = False

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        nonlocal started
        async with litellm_app.router.lifespan_context(litellm_app) as state:
            started = True
            yield state or {}

    description = f"One API before all language models: OpenAI's, as LiteLLM has it, at {', '.join(sorted(PATHS))}"
    app = create_app("llm-proxy", "1", settings, description=description, lifespan=lifespan)
    lifecycle = app.state.lifecycle
    lifecycle.require("litellm", lambda: "" if started else "LiteLLM is starting")

    @app.get("/health/readiness", tags=["operations"])
    async def readiness() -> JSONResponse:
        """`/ready` under LiteLLM's own name."""
        obstacles = lifecycle.obstacles()
        return JSONResponse({"status": "unhealthy" if obstacles else "healthy", "waiting_for": obstacles}, 503 if obstacles else 200)

    @app.get("/health/liveliness", tags=["operations"])
    async def liveliness() -> str:
        """`/health` under LiteLLM's own name."""
        return "I'm alive!"

    async def models_api(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].rstrip("/") not in PATHS:
            raise HTTPException(404)
        await litellm_app(scope, receive, send)

    app.mount("/", models_api)
    return app
