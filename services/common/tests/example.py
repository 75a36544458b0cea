"""A small service on the package, run as a process of its own by the tests."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from voicehelper_common import ApiError, Settings, create_app, http_client, read_settings, serve


class Embed(BaseModel):
    texts: Annotated[list[str], Field(min_length=1, max_length=3)]
    size: Annotated[int, Field(ge=1, le=10)] = 1


def make(settings: Settings):
    app = create_app("example", "1", settings)

    @app.post("/embed")
    async def embed(request: Embed) -> dict[str, int]:
        logging.getLogger("example").info("Asked by %s", request.texts[0], extra={"phone": "13812345678"})
        return {"texts": len(request.texts)}

    @app.post("/upload")
    async def upload(request: Request) -> dict[str, int]:
        return {"bytes": sum([len(piece) async for piece in request.stream()])}

    @app.get("/slow/{seconds}")
    async def slow(seconds: float) -> dict[str, float]:
        await asyncio.sleep(seconds)
        return {"slept": seconds}

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            for _ in range(8):
                yield "part\n"
                await asyncio.sleep(0.25)

        return StreamingResponse(parts())

    @app.get("/full")
    async def full() -> None:
        raise ApiError(429, "queue", "8 requests waiting", "at most 8", retry_after=1)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("no such thing")

    @app.get("/onward")
    async def onward(request: Request) -> dict[str, str]:
        async with http_client(base_url=f"http://127.0.0.1:{settings.port}") as client:
            return (await client.get("/seen")).json()

    @app.get("/seen")
    async def seen(request: Request) -> dict[str, str]:
        return {"traceparent": request.headers.get("traceparent", "")}

    return app


if __name__ == "__main__":
    serve(make(read_settings(Settings)))
