"""Every data system for real: a document's whole way in and out, with the API and a worker as processes of their own.

`TEST_SYSTEMS=1` and the environment of algo-service say where they are; the AI tier is that of conftest.py. What a site declares in them
must be there: bucket, constraints, topic, exchange and queue, stream.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from uuid import UUID, uuid4

import httpx
import nats
import pytest
from aiokafka import AIOKafkaConsumer

from algo_service.blobs import Blobs
from algo_service.failures import Unavailable
from algo_service.graph import Graph
from algo_service.settings import AlgoSettings
from algo_service.texts import Texts

pytestmark = pytest.mark.skipif(not os.environ.get("TEST_SYSTEMS"), reason="TEST_SYSTEMS is not set")
PORTS = {"api": 21080, "worker": 21081}


def start(module: str, port: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A process of the service, ready."""
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-m", module], env=environment | {"PORT": str(port), "HOST": "127.0.0.1"}
    )
    until = time.monotonic() + 180
    while time.monotonic() < until:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 200:
                return process
        except httpx.TransportError:
            pass
        assert process.poll() is None, f"{module} ended"
        time.sleep(0.2)
    process.kill()
    raise AssertionError(f"{module} is not ready: " + httpx.get(f"http://127.0.0.1:{port}/ready").text)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process in good order; one that does not end says where it is."""
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(120) == 0
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        process.wait()
        raise


@pytest.fixture
def environment(neighbours) -> dict[str, str]:
    """The environment of both processes."""
    url = f"http://127.0.0.1:{neighbours.port}"
    ai = {
        "BGE_SERVICE_URL": url,
        "FAISS_SERVICE_URL": url,
        "LLM_URL": f"{url}/v1",
        "DRAIN_SECONDS": "0",
        "OPERATOR_PASSWORD": "operator-password",
    }
    return os.environ | ai


@pytest.fixture
def api(environment) -> Iterator[httpx.Client]:
    """A client of the running API, as an operator."""
    process = start("algo_service", PORTS["api"], environment)
    with httpx.Client(base_url=f"http://127.0.0.1:{PORTS['api']}", timeout=30) as client:
        user = client.post("/auth/verify", json={"username": "operator", "password": "operator-password"}).json()
        client.headers.update({"X-User-Id": user["user_id"], "X-User-Role": "operator"})
        yield client
    stop(process)


@pytest.fixture
def worker(environment) -> Iterator[None]:
    """A running worker."""
    process = start("algo_service.worker", PORTS["worker"], environment)
    yield
    stop(process)


def finished(api: httpx.Client, job_id: str) -> dict:
    """A job, once it has ended."""
    until = time.monotonic() + 180
    while time.monotonic() < until:
        job = api.get(f"/jobs/{job_id}").json()
        if job.get("status") in ("done", "failed"):
            return job
        time.sleep(0.1)
    raise AssertionError(job)


async def seen(settings: AlgoSettings, document_id: str) -> tuple[list[str], list[str]]:
    """Events of Kafka about a document, and its statuses on NATS."""
    sasl = settings.kafka_security_protocol == "SASL_SSL"
    consumer = AIOKafkaConsumer(
        settings.kafka_topic,
        bootstrap_servers=settings.kafka_brokers.split(","),
        auto_offset_reset="earliest",
        security_protocol=settings.kafka_security_protocol,
        ssl_context=None if settings.kafka_security_protocol == "PLAINTEXT" else settings.trust(),
        sasl_mechanism=settings.kafka_sasl_mechanism if sasl else "PLAIN",
        sasl_plain_username=settings.kafka_user if sasl else None,
        sasl_plain_password=settings.kafka_password.get_secret_value() if sasl else None,
    )
    await consumer.start()
    found = await consumer.getmany(timeout_ms=5000)
    await consumer.stop()
    events = [json.loads(record.value)["type"] for records in found.values() for record in records if record.key == document_id.encode()]
    link = await nats.connect(
        settings.nats_url,
        user=settings.nats_user,
        password=settings.nats_password.get_secret_value(),
        tls=settings.trust() if settings.nats_url.startswith("tls") else None,
    )
    stream = link.jetstream()
    reader = await stream.pull_subscribe(f"{settings.nats_subject}.{document_id}", stream="VOICE_EVENTS")
    statuses = [json.loads(message.data)["status"] for message in await reader.fetch(50, timeout=3)]
    await link.close()
    return events, statuses


def test_whole_way(api, worker, neighbours) -> None:
    """A document through all systems and out of all of them."""
    settings = AlgoSettings()
    word = uuid4().hex[:8]
    text = f"Maria Chen keeps the {word} in Hangzhou. " + "It is opened once a year by the service desk. " * 100
    taken = api.post("/ingest", files={"file": (f"{word}.txt", text.encode())}).json()
    job = finished(api, taken["job_id"])
    assert (job["status"], job["error"]) == ("done", None)
    document = api.get(f"/documents/{taken['document_id']}").json()
    assert document["status"] == "ready" and document["chunks"] > 1
    assert api.get(f"/documents/{document['id']}/content").content == text.encode()

    async def in_systems() -> tuple[list[str], list[str]]:
        from algo_service.records import Caller

        caller = Caller(UUID(api.headers["X-User-Id"]), True)
        async with Texts(settings) as texts, Graph(settings) as graph:
            async with asyncio.timeout(10):
                while not (worded := await texts.search(word, caller, 10)):
                    await asyncio.sleep(0.2)
            named = await graph.related("Who is Maria Chen?", [], caller.user_id, False, 10)
        return worded, named

    worded, named = asyncio.run(in_systems())
    assert worded == [f"{document['id']}:0"] and worded[0] in named
    assert len([each for each in neighbours.vectors if each.startswith(document["id"])]) == document["chunks"]

    found = api.post("/search", json={"query": f"where is the {word}"}).json()["results"]
    assert found[0]["chunk_id"] == worded[0]
    answer = api.post("/query", json={"query": f"Where is the {word}?"}, headers={"Accept": "application/json"}).json()
    assert answer["answer"] == "It takes three days [1]."
    time.sleep(0.5)
    kept = api.get(f"/conversations/{answer['conversation_id']}").json()
    assert [message["role"] for message in kept["messages"]] == ["user", "assistant"]
    assert any(each["id"] == answer["conversation_id"] for each in api.get("/conversations").json()["conversations"])

    assert api.delete(f"/documents/{document['id']}").status_code == 204
    until = time.monotonic() + 120
    while neighbours.vectors and time.monotonic() < until:
        time.sleep(0.1)

    async def gone() -> None:
        from algo_service.records import Caller

        caller = Caller(UUID(api.headers["X-User-Id"]), True)
        async with Texts(settings) as texts, Graph(settings) as graph, Blobs(settings) as blobs, asyncio.timeout(20):
            while await texts.search(word, caller, 10) or await graph.related("Maria Chen", [], caller.user_id, True, 10):
                await asyncio.sleep(0.2)
            while True:
                try:
                    await anext(blobs.read(UUID(document["id"])))
                except Unavailable as error:
                    assert "NoSuchKey" in str(error)
                    return
                await asyncio.sleep(0.2)

    asyncio.run(gone())
    time.sleep(1)
    events, statuses = asyncio.run(seen(settings, document["id"]))
    assert events == ["document.ready", "document.deleted"]
    assert statuses[0] == "queued" and "ready" in statuses and statuses[-1] == "deleted"
    assert api.delete(f"/conversations/{answer['conversation_id']}").status_code == 204


def test_large_upload(api, worker) -> None:
    """More than one part of MinIO's, byte for byte."""
    text = ("All work and no play makes a long text. " * 300_000).encode()[: 12 * 2**20]
    taken = api.post("/ingest", files={"file": (f"{uuid4()}.txt", uuid4().hex.encode() + text)}).json()
    assert api.get(f"/documents/{taken['document_id']}/content").content[32:] == text
    assert api.delete(f"/documents/{taken['document_id']}").status_code == 204


def test_killed_worker(api, environment) -> None:
    """Workers that are killed, one after the other, lose nothing: the last one finishes all that was acknowledged."""
    taken = [api.post("/ingest", json={"title": f"Document {number}", "text": f"{uuid4()} " * 500}).json() for number in range(6)]
    for _ in range(3):
        process = start("algo_service.worker", PORTS["worker"], environment)
        time.sleep(0.7)
        process.kill()
        process.wait()
    process = start("algo_service.worker", PORTS["worker"], environment)
    try:
        assert [finished(api, each["job_id"])["status"] for each in taken] == ["done"] * 6
    finally:
        for each in taken:
            api.delete(f"/documents/{each['document_id']}")
        stop(process)
