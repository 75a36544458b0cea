"""The application: common parts, routes, and what errors of other systems look like to a client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from voicehelper_common import create_app
from voicehelper_common.errors import on_http_error

from .. import __version__
from ..failures import Unavailable
from ..parts import open_parts, watching
from ..settings import AlgoSettings
from . import conversations, documents, query, users, voice


def make_app(settings: AlgoSettings) -> FastAPI:
    """The API of algo-service."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_parts(settings) as parts, watching(parts, app.state.lifecycle, "postgresql", "redis"):
            app.state.parts = parts
            yield

    app = create_app(
        "algo-service", __version__, settings, description="Documents, search, answers, conversations and users.", lifespan=lifespan
    )

    @app.exception_handler(Unavailable)
    async def on_unavailable(request: Request, error: Unavailable) -> JSONResponse:
        return await on_http_error(request, error.as_error())

    for routes in (documents, query, conversations, users, voice):
        app.include_router(routes.router)
    return app
