"""llama.cpp's own server, inside this process and behind a Unix socket: nobody reaches it but through the API."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from pathlib import Path

import httpx
import xllamacpp
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from voicehelper_common.cpus import usable_cpus

from .settings import Settings

EVERY = 5.0  # seconds between looks at its health and its figures
STALE = 30.0  # seconds without a sign of life after which it counts as dead

_log = logging.getLogger(__name__)


class EngineError(Exception):
    """The model cannot be loaded; the text says why."""


class Engine:
    """The server, its client, and what it says of itself."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen, self._figures = float("-inf"), ""
        self.client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=settings.socket, limits=httpx.Limits(max_connections=None)),
            base_url="http://model",
            timeout=httpx.Timeout(settings.request_timeout, connect=5),
        )

    def load(self) -> None:
        """Load the model and begin to serve it on the socket; blocks. Raises EngineError."""
        settings, path = self._settings, Path(self._settings.model)
        if not settings.model or not path.is_file():
            raise EngineError(f"MODEL {settings.model or '(empty)'}: there is no such file")
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise EngineError(f"MODEL {path}: not a GGUF file")
        Path(settings.socket).unlink(missing_ok=True)
        try:
            self._server = xllamacpp.Server(parameters(settings))
        except RuntimeError as error:
            raise EngineError(f"MODEL {path}: {error}") from error
        self._seen = time.monotonic()

    async def watch(self) -> None:
        """Keep up what it says of itself, until cancelled."""
        while True:
            try:
                (await self.client.get("/health", timeout=EVERY)).raise_for_status()
                self._seen = time.monotonic()
                self._figures = (await self.client.get("/metrics", timeout=EVERY)).raise_for_status().text
            except httpx.HTTPError as error:
                _log.debug("The model's server does not answer: %r", error)
            await asyncio.sleep(EVERY)

    def obstacle(self) -> str:
        """Why it cannot serve; empty if it can."""
        return "" if time.monotonic() - self._seen < STALE else "the model's server does not answer"

    def collect(self) -> Iterable[Metric]:
        """Its figures, for Prometheus: tokens, seconds, slots."""
        return text_string_to_metric_families(self._figures)


def parameters(settings: Settings) -> xllamacpp.CommonParams:
    """The server's own settings."""
    wanted = xllamacpp.CommonParams()
    wanted.model.path = settings.model
    wanted.model_alias = {settings.model_name}
    wanted.hostnames, wanted.port = [settings.socket], 0
    wanted.n_parallel, wanted.n_ctx = settings.slots, settings.slots * settings.context
    wanted.n_predict = settings.max_tokens
    wanted.sampling.penalty_repeat = settings.repeat_penalty  # where a request says nothing of it
    threads = settings.threads or usable_cpus()
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = threads
    wanted.n_threads_http = settings.slots + 4  # a stream holds one; some are left for health and figures
    wanted.cache_ram_mib = 0  # old prompts are not kept: memory stays flat
    wanted.fit_params = False  # what was asked for or nothing
    wanted.endpoint_metrics, wanted.endpoint_slots, wanted.ui, wanted.offline = True, False, False, True
    wanted.verbosity = 1  # errors
    return wanted
