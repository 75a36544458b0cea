"""The application that every service starts from."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from . import metrics
from .errors import ErrorBody, on_http_error, on_validation_error
from .lifecycle import Lifecycle
from .middleware import Around
from .settings import Settings

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    name: str, version: str, settings: Settings, *, description: str = "", lifespan: Lifespan | None = None, unlimited: Collection[str] = ()
) -> FastAPI:
    """A FastAPI application with `/health`, `/ready`, `/metrics`, the common error shape, limits, traces and access log.

    Its `state.lifecycle` is the service's `Lifecycle`, its `state.settings` are `settings`.

    Args:
        name: of the service, as in Kubernetes.
        version: of its API.
        settings: already read; see `read_settings`.
        description: a sentence for the OpenAPI page.
        lifespan: what is made at the start and ended at the stop, as FastAPI has it.
        unlimited: paths whose bodies and times are bounded by their own handlers.
    """
    responses = {"4XX": {"model": ErrorBody}, "5XX": {"model": ErrorBody}}
    app = FastAPI(
        title=name, version=version, description=description, lifespan=lifespan, responses=responses, redoc_url=None, docs_url=None
    )
    app.state.settings = settings
    app.state.lifecycle = lifecycle = Lifecycle(settings.drain_seconds)
    limits = {"max_request_bytes": settings.max_request_bytes, "request_timeout": settings.request_timeout}
    app.add_middleware(Around, **limits, unlimited=frozenset(unlimited))
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_error)

    @app.get("/health", tags=["operations"])
    async def health() -> dict[str, str]:
        """Whether the process is alive."""
        return {"status": "ok", "service": name}

    @app.get("/ready", tags=["operations"])
    async def ready() -> JSONResponse:
        """Whether it can serve: 503 until it can, and while it drains."""
        obstacles = lifecycle.obstacles()
        return JSONResponse({"status": "not ready" if obstacles else "ready", "waiting_for": obstacles}, 503 if obstacles else 200)

    @app.get("/metrics", tags=["operations"])
    async def metric_page() -> Response:
        """Prometheus's text format."""
        return metrics.exposition()

    return app


def openapi(app: FastAPI) -> str:
    """The OpenAPI page of `app` as JSON, the same for the same API: what a service keeps as `openapi.json`."""
    schema: dict[str, Any] = app.openapi()
    for path in schema["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)  # FastAPI's own; ours is 400
    for unused in ("HTTPValidationError", "ValidationError"):
        schema.get("components", {}).get("schemas", {}).pop(unused, None)
    return json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
