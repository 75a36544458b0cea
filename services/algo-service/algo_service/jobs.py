"""Jobs on their way to a worker: a quorum queue of RabbitMQ, whose confirmation says that a majority of its members has them on disk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import aio_pika
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage, AbstractRobustConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from yarl import URL

from voicehelper_common import trace_headers

from .failures import calling
from .lazy import Lazy
from .settings import AlgoSettings

PUBLISH_SECONDS = 10


@dataclass(frozen=True)
class Job:
    """What a worker is asked to do with a document; `kind`: ingest or delete."""

    job_id: UUID
    document_id: UUID
    kind: str

    @classmethod
    def read(cls, body: bytes) -> Job:
        """The job of a message.

        Raises:
            ValueError, KeyError, TypeError: it holds none.
        """
        found = json.loads(body)
        return cls(UUID(found["job_id"]), UUID(found["document_id"]), str(found["kind"]))


class Jobs:
    """The exchange and queue for documents. Use as an async context manager; its errors come as `Unavailable`."""

    def __init__(self, settings: AlgoSettings) -> None:
        self._settings = settings
        self._connection: Lazy[AbstractRobustConnection] = Lazy(self._connect, lambda connection: connection.close())
        self._exchange: Lazy[AbstractExchange] = Lazy(self._open_exchange, self._forget)

    async def __aenter__(self) -> Jobs:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exchange.close()
        await self._connection.close()

    async def send(self, job: Job) -> None:
        """Hand a job over; it is safe when this returns."""
        body = {"job_id": str(job.job_id), "document_id": str(job.document_id), "kind": job.kind}
        message = aio_pika.Message(
            json.dumps(body).encode(),
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=str(job.job_id),
            headers=dict(trace_headers()),
        )
        with calling("rabbitmq", *CONNECTION_EXCEPTIONS):
            async with asyncio.timeout(PUBLISH_SECONDS):
                exchange = await self._exchange.get()
                await exchange.publish(message, routing_key=f"documents.ingest.{job.kind}", mandatory=True)

    async def receive(self) -> AsyncIterator[AbstractIncomingMessage]:
        """Jobs as they come, one at a time; the receiver acknowledges each message. Goes on over lost connections."""
        with calling("rabbitmq", *CONNECTION_EXCEPTIONS):
            channel = await (await self._connection.get()).channel()
            await channel.set_qos(prefetch_count=1)
            queue = await channel.get_queue(self._settings.rabbitmq_queue)
            async with queue.iterator() as messages:
                async for message in messages:
                    yield message

    async def _connect(self) -> AbstractRobustConnection:
        settings = self._settings
        url = URL(settings.rabbitmq_url).with_user(settings.rabbitmq_user).with_password(settings.rabbitmq_password.get_secret_value())
        return await aio_pika.connect_robust(
            url,
            ssl_context=settings.trust() if url.scheme == "amqps" else None,
            timeout=8,
            client_properties={"connection_name": "algo-service"},
        )

    async def _open_exchange(self) -> AbstractExchange:
        channel = await (await self._connection.get()).channel(publisher_confirms=True, on_return_raises=True)
        return await channel.get_exchange(self._settings.rabbitmq_exchange)

    @staticmethod
    async def _forget(_: AbstractExchange) -> None:
        """An exchange is no connection: its channel goes with that."""
