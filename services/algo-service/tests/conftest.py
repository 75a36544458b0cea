"""A real PostgreSQL, neighbours of the AI tier over HTTP, and in-process places for what the machine has no server of.

With TEST_SYSTEMS set, test_systems.py uses the systems that the environment names, as the service's own settings do.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import shutil
import socket
import subprocess
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.responses import JSONResponse, StreamingResponse

from algo_service.answers import Answers
from algo_service.api import make_app
from algo_service.database import migrate
from algo_service.failures import Unavailable
from algo_service.ingest import Intake, Work
from algo_service.jobs import Job
from algo_service.parts import Parts, open_parts
from algo_service.settings import AlgoSettings
from voicehelper_dialogue.testing import Sound, add_sound

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def as_nobody(folder: Path) -> dict[str, Any]:
    """Arguments by which a server, which may refuse to be root, runs as another user in its folder."""
    if os.geteuid():
        return {}
    for parent in (folder, *folder.parents):
        if parent.is_relative_to(Path("/tmp")) and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o711)
    shutil.chown(folder, 65534, 65534)
    return {"user": 65534, "group": 65534, "extra_groups": []}


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A PostgreSQL of its own; gives its port."""
    if not BINARIES:
        pytest.skip("no PostgreSQL server here")
    folder, port = tmp_path_factory.mktemp("postgresql"), free_port()
    options: dict[str, Any] = {
        **as_nobody(folder),
        "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"},
        "check": True,
        "capture_output": True,
        "cwd": "/",
    }
    data = folder / "data"
    subprocess.run([BINARIES[0] / "initdb", "-D", data, "-U", "voicehelper", "-A", "trust", "--no-sync"], **options)
    run = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off"
    subprocess.run(
        [BINARIES[0] / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", run, "start"], **options | {"capture_output": False}
    )
    try:
        yield port
    finally:
        subprocess.run([BINARIES[0] / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **options)


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Redis Cluster of one member; gives its port."""
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("no redis-server here")
    folder, port = tmp_path_factory.mktemp("redis"), free_port() % 50000 + 1024
    account = ["--user", "voicehelper", "on", "nopass", "~*", "&*", "+@all"]
    arguments = ["--port", str(port), "--cluster-enabled", "yes", "--dir", str(folder), "--save", "", "--bind", "127.0.0.1", *account]
    with subprocess.Popen([server, *arguments], stdout=subprocess.DEVNULL) as process:
        try:
            import redis as client

            with client.Redis(port=port, retry=client.retry.Retry(client.backoff.ConstantBackoff(0.1), 50)) as link:
                link.ping()
                link.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
                while b"cluster_state:ok" not in link.execute_command("CLUSTER", "INFO"):
                    time.sleep(0.05)
            yield port
        finally:
            process.terminate()


@dataclass
class Neighbours(Sound):
    """bge-service, faiss-service, llm-proxy and Elasticsearch, and how they are to behave."""

    vectors: dict[str, list[float]] = field(default_factory=dict)
    texts: dict[str, dict[str, Any]] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    prompts: list[list[dict[str, str]]] = field(default_factory=list)
    words: list[str] = field(default_factory=lambda: ["It ", "takes ", "three ", "days [1]."])
    delay: float = 0.0
    stopped: int = 0
    adds: int = 0


def embed(text: str) -> list[float]:
    """A vector of which words a text holds, so that texts with words in common are near each other."""
    vector = [0.0] * 64
    for word in "".join(c.lower() if c.isalnum() else " " for c in text).split():
        vector[zlib.crc32(word.encode()) % 64] += 1
    length = math.sqrt(sum(x * x for x in vector)) or 1.0
    return [x / length for x in vector]


def neighbour_app(state: Neighbours) -> FastAPI:
    app = FastAPI()
    add_sound(app, state)

    def check(name: str) -> None:
        if name in state.away:
            raise ConnectionAbortedError(name)

    @app.exception_handler(ConnectionAbortedError)
    async def away(_: Request, __: Exception) -> Response:
        return JSONResponse({"error": {"field": "x", "found": "y", "wanted": "z", "message": "away"}}, 503, {"Retry-After": "30"})

    @app.post("/embed")
    async def embedding(request: Request) -> Any:
        check("bge")
        texts = (await request.json())["texts"]
        assert 1 <= len(texts) <= 100
        return {"embeddings": [embed(text) for text in texts], "dimension": 64, "model_name": "words", "processing_time": 0.0}

    @app.post("/add")
    async def add(request: Request) -> Any:
        check("faiss")
        body = await request.json()
        state.adds += 1
        state.vectors.update(zip(body["ids"], body["vectors"], strict=True))
        return {"added": len(body["ids"])}

    @app.post("/delete")
    async def delete(request: Request) -> Any:
        check("faiss")
        ids = (await request.json())["ids"]
        assert 1 <= len(ids) <= 1000
        return {"deleted": sum(state.vectors.pop(each, None) is not None for each in ids), "total_vectors": len(state.vectors)}

    @app.post("/search")
    async def search(request: Request) -> Any:
        check("faiss")
        body = await request.json()
        assert 1 <= body["k"] <= 100
        scored = ((sum(a * b for a, b in zip(vector, body["query_vector"], strict=True)), each) for each, vector in state.vectors.items())
        best = sorted(scored, reverse=True)[: body["k"]]
        return {
            "results": [{"id": each, "score": score, "metadata": {}} for score, each in best],
            "query_time": 0.0,
            "total_vectors": len(state.vectors),
        }

    @app.get("/stats")
    async def stats() -> Any:
        check("faiss")
        return {"total_vectors": len(state.vectors), "dimension": 64, "index_type": "flat", "is_trained": True, "memory_usage_mb": 0.1}

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Any:
        check("llm")
        state.prompts.append((await request.json())["messages"])

        async def events() -> AsyncIterator[str]:
            try:
                for word in state.words:
                    yield "data: " + json.dumps({"choices": [{"delta": {"content": word}}]}) + "\n\n"
                    await asyncio.sleep(state.delay)
                yield "data: " + json.dumps({"choices": [{"delta": {}, "finish_reason": "stop"}]}) + "\n\n"
                yield "data: " + json.dumps({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}}) + "\n\n"
                yield "data: [DONE]\n\n"
            except asyncio.CancelledError:
                state.stopped += 1
                raise

        return StreamingResponse(events(), media_type="text/event-stream")

    index: set[str] = set()

    @app.put("/voicehelper-documents")
    async def make() -> Any:
        check("elasticsearch")
        if index:
            return JSONResponse({"error": {"type": "resource_already_exists_exception"}}, 400)
        index.add("made")
        return {"acknowledged": True}

    @app.post("/voicehelper-documents/_bulk")
    async def bulk(request: Request) -> Any:
        check("elasticsearch")
        lines = [json.loads(line) for line in (await request.body()).splitlines()]
        items = []
        while lines:
            (action, what), *_ = lines.pop(0).items()
            if action == "index":
                state.texts[what["_id"]] = lines.pop(0)
                items.append({"index": {"_id": what["_id"], "status": 201}})
            else:
                known = state.texts.pop(what["_id"], None)
                items.append({"delete": {"_id": what["_id"], "status": 200 if known else 404}})
        return {"errors": False, "items": items}

    @app.post("/voicehelper-documents/_search")
    async def find(request: Request) -> Any:
        check("elasticsearch")
        if not index:
            return JSONResponse({}, 404)
        asked = (await request.json())["query"]["bool"]
        words = set(asked["must"]["multi_match"]["query"].lower().replace("?", "").split())
        owner = asked["filter"][0]["bool"]["should"][1]["term"]["owner"] if asked["filter"] else None
        seen = {each: source for each, source in state.texts.items() if owner is None or source["shared"] or source["owner"] == owner}
        hits = sorted((-len(words & set(source["text"].lower().split())), each) for each, source in seen.items())
        return {"hits": {"hits": [{"_id": each} for score, each in hits if score]}}

    return app


class Serving:
    """An application on a port of its own, in a thread of its own."""

    def __init__(self, app: FastAPI) -> None:
        self.port = free_port()
        self._server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=self.port, log_config=None, ws="websockets-sansio"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> Serving:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(15)


@pytest.fixture
def neighbours() -> Iterator[Neighbours]:
    """The neighbours; their port is `neighbours.port`."""
    state = Neighbours()
    with Serving(neighbour_app(state)) as serving:
        state.port = serving.port  # type: ignore[attr-defined]
        yield state


@dataclass
class InProcess:
    """Places in this process for objects, the graph, jobs, events and conversations; `away` names those that fail."""

    objects: dict[UUID, bytes] = field(default_factory=dict)
    chunks: dict[str, str] = field(default_factory=dict)
    queue: list[Job] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)
    statuses: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    away: set[str] = field(default_factory=set)

    def check(self, name: str) -> None:
        if name in self.away:
            raise Unavailable(name, "switched off")


class Objects:
    def __init__(self, place: InProcess) -> None:
        self._place = place

    async def put(self, document_id: UUID, file: Any, size: int, content_type: str) -> None:
        self._place.check("minio")
        data = file.read()
        assert len(data) == size and content_type
        self._place.objects[document_id] = data

    async def read(self, document_id: UUID) -> AsyncIterator[bytes]:
        self._place.check("minio")
        yield self._place.objects[document_id]

    async def fetch(self, document_id: UUID, path: Path) -> None:
        self._place.check("minio")
        path.write_bytes(self._place.objects[document_id])

    async def remove(self, document_id: UUID) -> None:
        self._place.check("minio")
        self._place.objects.pop(document_id, None)


class GraphInProcess:
    def __init__(self, place: InProcess) -> None:
        self._place = place

    async def add(self, document: Any, chunks: Any) -> None:
        self._place.check("neo4j")
        self._place.chunks.update({f"{document['id']}:{chunk.number}": chunk.text for chunk in chunks})

    async def related(self, *_: Any) -> list[str]:
        self._place.check("neo4j")
        return []

    async def remove(self, document_id: UUID) -> None:
        self._place.check("neo4j")
        for each in [each for each in self._place.chunks if each.startswith(str(document_id))]:
            del self._place.chunks[each]


class JobsInProcess:
    def __init__(self, place: InProcess) -> None:
        self._place = place

    async def send(self, job: Job) -> None:
        self._place.check("rabbitmq")
        self._place.queue.append(job)


class Told:
    def __init__(self, place: InProcess) -> None:
        self._place = place

    async def tell(self, kind: str, document_id: str = "", **facts: Any) -> None:
        if "status" in facts:
            self._place.statuses[kind].append(facts["status"])
        else:
            self._place.check("kafka")
            self._place.events.append((kind, document_id))


@pytest.fixture
def settings(postgresql: int, redis: int, neighbours: Neighbours) -> AlgoSettings:
    """Settings by which a service finds all of these."""
    url = f"http://127.0.0.1:{neighbours.port}"  # type: ignore[attr-defined]
    return AlgoSettings(
        postgres_host="127.0.0.1",
        postgres_port=postgresql,
        postgres_db="postgres",
        postgres_tls=False,
        redis_host="127.0.0.1",
        redis_port=redis,
        redis_tls=False,
        bge_service_url=url,
        faiss_service_url=url,
        llm_url=f"{url}/v1",
        elasticsearch_url=url,
        speech_url=f"{url.replace('http', 'ws')}/stream",
        tts_url=f"{url}/stream",
        job_patience=1,
        job_attempts=4,
        max_upload_size=500_000,
        chunk_tokens=40,
        chunk_overlap=8,
        bge_batch_size=8,
        operator_password="operator-password",
    )


@asynccontextmanager
async def opened(settings: AlgoSettings, place: InProcess) -> AsyncIterator[Parts]:
    """Parts whose objects, graph, jobs and events are in this process."""
    async with open_parts(settings) as parts:
        objects, graph, jobs, told = Objects(place), GraphInProcess(place), JobsInProcess(place), Told(place)
        texts = parts.answers._texts
        intake = Intake(settings, parts.records, objects, jobs, told)  # type: ignore[arg-type]
        work = Work(settings, parts.records, objects, texts, graph, parts.models, told, told)  # type: ignore[arg-type]
        async with Answers(settings, parts.records, parts.memory, texts, graph, parts.models) as answers:  # type: ignore[arg-type]
            yield replace(parts, blobs=objects, jobs=jobs, intake=intake, work=work, answers=answers)  # type: ignore[arg-type]


@dataclass
class World:
    """A running service with all that it uses."""

    client: httpx.AsyncClient
    parts: Parts
    place: InProcess
    neighbours: Neighbours
    port: int
    operator: dict[str, str] = field(default_factory=dict)

    async def user(self, name: str = "") -> dict[str, str]:
        """Headers of a new user."""
        body = {"username": name or f"user-{uuid4().hex[:8]}", "password": "a-long-password", "role": "user"}
        answer = await self.client.post("/users", json=body, headers=self.operator)
        assert answer.status_code == 201, answer.text
        return {"X-User-Id": answer.json()["id"], "X-User-Role": "user"}

    async def ingest(self, text: str, who: dict[str, str], title: str = "A title") -> dict[str, Any]:
        """Send a text; gives what was acknowledged."""
        answer = await self.client.post("/ingest", json={"title": title, "text": text}, headers=who)
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def work(self) -> None:
        """Do all jobs that are queued."""
        while self.place.queue:
            await self.parts.work.do(self.place.queue.pop(0))

    async def known(self, text: str, who: dict[str, str], title: str = "A title") -> str:
        """A document that can be found; gives its id."""
        taken = await self.ingest(text, who, title)
        await self.work()
        return taken["document_id"]


@pytest.fixture
async def world(settings: AlgoSettings, neighbours: Neighbours, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A service on a port of its own, with an empty database, an operator, and jobs that the test itself does."""
    place = InProcess()
    async with opened(settings, place) as own:
        async with own.pool.acquire() as connection:
            await connection.execute("DROP SCHEMA IF EXISTS algo CASCADE")
        await migrate(own.pool)
        monkeypatch.setattr("algo_service.api.app.open_parts", lambda of: opened(of, place))
        with Serving(make_app(settings)) as serving:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{serving.port}", timeout=60) as client:
                async with asyncio.timeout(120):
                    while (answer := await client.get("/ready")).status_code != 200:
                        await asyncio.sleep(0.05)
                assert answer.json()["status"] == "ready"
                login = await client.post("/auth/verify", json={"username": "operator", "password": "operator-password"})
                assert login.status_code == 200, login.text
                operator = {"X-User-Id": login.json()["user_id"], "X-User-Role": "operator"}
                yield World(client, own, place, neighbours, serving.port, operator)
