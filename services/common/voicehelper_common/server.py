"""Running a service: uvicorn, with a drain before it stops."""

from __future__ import annotations

from types import FrameType

import uvicorn
from fastapi import FastAPI

from .lifecycle import Lifecycle
from .logs import set_up_logs
from .settings import Settings
from .tracing import set_up_tracing


class DrainingServer(uvicorn.Server):
    """uvicorn, which on SIGTERM or SIGINT is first not ready, still serves for a while, then lets running requests end.

    A second signal ends the wait.
    """

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the drain. The signal is not raised again after the stop, as uvicorn's own does: a drained service ends with 0."""
        self._lifecycle.drain()

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop now; uvicorn asks ten times a second."""
        return await super().on_tick(counter) or self._lifecycle.drained


def serve(app: FastAPI) -> None:
    """Serve `app`, made by `create_app`, until SIGTERM; returns when it has drained.

    Raises:
        SystemExit: the start failed (a port in use, an error of the lifespan), or `Lifecycle.fail` said that it cannot go on.
    """
    settings: Settings = app.state.settings
    set_up_logs(app.title, settings.log_level)
    set_up_tracing(app.title, settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,  # ours has the route and the trace
        server_header=False,
        timeout_graceful_shutdown=int(settings.grace_seconds),
        timeout_keep_alive=75,  # longer than callers' pools keep a connection: none finds it closed under its request
    )
    server = DrainingServer(config, app.state.lifecycle)
    server.run()
    if not server.started:
        raise SystemExit(1)
    if app.state.lifecycle.failure:
        raise SystemExit(app.state.lifecycle.failure)
