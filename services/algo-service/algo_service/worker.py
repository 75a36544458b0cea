"""The worker: takes jobs from the queue, one at a time, and queues again what nobody works at. `python -m algo_service.worker`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from fastapi import FastAPI
from opentelemetry.trace import SpanKind

from voicehelper_common import create_app, read_settings, serve, span

from . import __version__
from .failures import Unavailable, calling
from .jobs import Job
from .parts import Parts, open_parts, watching
from .settings import AlgoSettings

_log = logging.getLogger(__name__)


async def consume(parts: Parts) -> None:
    """Do jobs as they come, for ever. A message is acknowledged when its job has ended, one way or the other."""
    while True:
        try:
            async with aclosing(parts.jobs.receive()) as messages:  # type: ignore[type-var]
                async for message in messages:
                    await handle(parts, message)
        except Unavailable as error:
            _log.warning("No jobs for now: %s", error)
        except Exception:
            _log.exception("A message failed in a way that was not foreseen; it will come again")
        await asyncio.sleep(2)


async def handle(parts: Parts, message: AbstractIncomingMessage) -> None:
    """Do the job of one message. One that cannot be read is put aside, where the queue says; one that cannot be done now goes back.

    Raises:
        Unavailable: the queue was not told; it will send the message again.
    """
    try:
        job = Job.read(message.body)
    except (ValueError, KeyError, TypeError):
        _log.error("A message is no job", extra={"message_id": message.message_id})
        with calling("rabbitmq", *CONNECTION_EXCEPTIONS):
            await message.reject(requeue=False)
        return
    done = True
    try:
        carrier = {name: str(value) for name, value in message.headers.items()}
        with span("job", SpanKind.CONSUMER, carrier, job_id=str(job.job_id), document_id=str(job.document_id)):
            await parts.work.do(job)
    except Unavailable as error:
        _log.error("A job goes back into the queue: %s", error, extra={"job_id": str(job.job_id)})
        done = False
    with calling("rabbitmq", *CONNECTION_EXCEPTIONS):
        await (message.ack() if done else message.nack(requeue=True))


async def revive(parts: Parts) -> None:
    """Queue again, for ever, the jobs that nobody has worked at for long: their message was lost, or put aside after many tries."""
    while True:
        await asyncio.sleep(parts.settings.stale_after / 10)
        try:
            for row in await parts.records.stale(parts.settings.stale_after):
                await parts.jobs.send(Job(row["id"], row["document_id"], row["kind"]))
        except Unavailable as error:
            _log.warning("Stale jobs are looked for later: %s", error)
        except Exception:
            _log.exception("Stale jobs are looked for later")


def make_app(settings: AlgoSettings) -> FastAPI:
    """The worker as an application that says how it is: /health, /ready, /metrics."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_parts(settings) as parts, watching(parts, app.state.lifecycle, "postgresql"):
            tasks = [asyncio.create_task(consume(parts)), asyncio.create_task(revive(parts))]
            for task in tasks:
                app.state.lifecycle.require(task.get_name(), lambda task=task: "ended" if task.done() else "")
            yield
            for task in tasks:  # the job at hand goes on elsewhere: its message was not acknowledged
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    return create_app("algo-worker", __version__, settings, lifespan=lifespan)


if __name__ == "__main__":
    serve(make_app(read_settings(AlgoSettings)))
