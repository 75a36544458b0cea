"""What happens to documents, told to others: on Kafka what has come to pass, kept; on NATS each step, while it happens."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

import nats
import nats.errors
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from nats.aio.client import Client

from voicehelper_common import trace_headers

from .failures import Unavailable, calling
from .lazy import Lazy
from .settings import AlgoSettings

_log = logging.getLogger(__name__)


class Events:
    """The topic of Kafka. Use as an async context manager; its errors come as `Unavailable`."""

    def __init__(self, settings: AlgoSettings) -> None:
        self._settings = settings
        self._producer: Lazy[AIOKafkaProducer] = Lazy(self._connect, lambda producer: producer.stop())

    async def __aenter__(self) -> Events:
        return self

    async def __aexit__(self, *_: object) -> None:
        with calling("kafka", KafkaError):
            await self._producer.close()

    async def tell(self, kind: str, document_id: str, **facts: Any) -> None:
        """Send an event `kind` about a document, by whose id events are ordered; every replica in sync has it when this returns."""
        event = {"type": kind, "document_id": document_id, "time": time.time(), **facts}
        headers = [(name, value.encode()) for name, value in trace_headers().items()]
        with calling("kafka", KafkaError):
            producer = await self._producer.get()
            try:
                await producer.send_and_wait(
                    self._settings.kafka_topic, json.dumps(event).encode(), key=document_id.encode(), headers=headers
                )
            except KafkaError:
                self._producer.drop()  # some errors are final for an idempotent producer
                raise

    async def _connect(self) -> AIOKafkaProducer:
        settings = self._settings
        sasl = settings.kafka_security_protocol == "SASL_SSL"
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka_brokers.split(","),
            security_protocol=settings.kafka_security_protocol,
            ssl_context=None if settings.kafka_security_protocol == "PLAINTEXT" else settings.trust(),
            sasl_mechanism=settings.kafka_sasl_mechanism if sasl else "PLAIN",
            sasl_plain_username=settings.kafka_user if sasl else None,
            sasl_plain_password=settings.kafka_password.get_secret_value() if sasl else None,
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=15000,
            client_id="algo-service",
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer


class Status:
    """Subjects of NATS, in a stream that keeps them for a while. Use as an async context manager.

    Who listens wants to know now, and PostgreSQL has the same for later: what cannot be told is logged and dropped.
    """

    def __init__(self, settings: AlgoSettings) -> None:
        self._settings = settings
        self._client: Lazy[Client] = Lazy(self._connect, lambda client: client.close())

    async def __aenter__(self) -> Status:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def tell(self, document_id: str, **facts: Any) -> None:
        """Send how it stands with a document."""
        payload = json.dumps({"document_id": document_id, **facts}).encode()
        try:
            with calling("nats", nats.errors.Error):
                async with asyncio.timeout(3):
                    stream = (await self._client.get()).jetstream(timeout=2)
                    await stream.publish(f"{self._settings.nats_subject}.{document_id}", payload, headers=trace_headers() or None)
        except Unavailable:
            _log.warning("A status was not told", extra={"document_id": document_id})

    async def _connect(self) -> Client:
        settings = self._settings

        async def note(error: Exception) -> None:
            _log.warning("nats: %s", error)

        return await nats.connect(
            settings.nats_url,
            user=settings.nats_user,
            password=settings.nats_password.get_secret_value(),
            tls=settings.trust() if settings.nats_url.startswith("tls") else None,
            name="algo-service",
            connect_timeout=2,
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            pending_size=2**20,
            error_cb=note,
        )
