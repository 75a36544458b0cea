"""The service over HTTP, with a real PostgreSQL and a real Redis Cluster: documents, jobs, search, answers, conversations, users."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from websockets.asyncio.client import connect

from algo_service import memory
from algo_service.api import make_app
from algo_service.failures import Unavailable, failures
from algo_service.jobs import Job
from algo_service.memory import Memory
from algo_service.settings import AlgoSettings
from voicehelper_common import openapi
from voicehelper_dialogue.testing import HEARD, SPOKEN, TTS_RATE, peak, tone

FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\ntext\r\n--x--\r\n'
DELIVERY = "Delivery takes three days. It is free of charge. " * 3
RETURNS = "Goods can be returned within seven days. Ask the service desk in Hangzhou for a label. " * 3


def events_of(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Server-sent events as (name, data)."""
    blocks = [block for block in text.replace("\r\n", "\n").split("\n\n") if block and not block.startswith(":")]
    fields = [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]
    return [(each["event"], json.loads(each["data"])) for each in fields]


async def test_ingest_and_ask(world) -> None:
    """A document is acknowledged, indexed everywhere, found, and cited in a streamed answer that the conversation keeps."""
    user = await world.user()
    taken = await world.ingest(DELIVERY, user, "Delivery terms")
    assert taken["status"] == "queued"
    shown = (await world.client.get(f"/documents/{taken['document_id']}", headers=user)).json()
    assert (shown["status"], shown["title"], shown["content_type"]) == ("queued", "Delivery terms", "text/plain; charset=utf-8")
    await world.work()
    await world.known(RETURNS, user, "Returns")

    document_id = taken["document_id"]
    shown = (await world.client.get(f"/documents/{document_id}", headers=user)).json()
    assert shown["status"] == "ready" and shown["chunks"] >= 1
    job = (await world.client.get(f"/jobs/{taken['job_id']}", headers=user)).json()
    assert (job["status"], job["error"]) == ("done", None)
    ids = {f"{document_id}:{number}" for number in range(shown["chunks"])}
    assert ids <= world.neighbours.vectors.keys() and ids <= world.neighbours.texts.keys() and ids <= world.place.chunks.keys()
    assert UUID(document_id) in world.place.objects
    assert ("document.ready", document_id) in world.place.events
    assert world.place.statuses[document_id][0] == "queued" and world.place.statuses[document_id][-1] == "ready"

    answer = await world.client.post(
        "/query", json={"query": "How long does delivery take?"}, headers=user | {"X-Request-Id": "request-0001"}
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = events_of(answer.text)
    assert [name for name, _ in events] == ["sources"] + ["token"] * 4 + ["done"]
    sources = events[0][1]["sources"]
    assert sources[0]["document_id"] == document_id and "three days" in sources[0]["text"]
    assert 0 < sources[0]["score"] <= 1
    assert "".join(data["text"] for name, data in events if name == "token") == "It takes three days [1]."
    done = events[-1][1]
    assert done["request_id"] == events[0][1]["request_id"] == "request-0001"
    assert (done["finish_reason"], done["usage"]) == ("stop", {"prompt_tokens": 9, "completion_tokens": 4})

    conversation = done["conversation_id"]
    kept = (await world.client.get(f"/conversations/{conversation}", headers=user)).json()
    assert [message["role"] for message in kept["messages"]] == ["user", "assistant"]
    assert kept["messages"][1]["id"] == done["message_id"]
    assert kept["messages"][1]["sources"][0]["document_id"] == document_id
    body = {"query": "And returns?", "conversation_id": conversation}
    again = await world.client.post("/query", json=body, headers=user | {"Accept": "application/json"})
    assert again.json()["answer"] == "It takes three days [1]."
    assert [message["role"] for message in world.neighbours.prompts[-1]] == ["system", "user", "assistant", "user"]
    listed = (await world.client.get("/conversations", headers=user)).json()
    assert [each["id"] for each in listed["conversations"]] == [conversation] and listed["next"] is None
    stranger = await world.user()
    assert (await world.client.get(f"/conversations/{conversation}", headers=stranger)).status_code == 404
    assert (await world.client.post("/query", json=body, headers=stranger)).status_code == 404
    assert (await world.client.delete(f"/conversations/{conversation}", headers=user)).status_code == 204
    assert (await world.client.get(f"/conversations/{conversation}", headers=user)).status_code == 404


async def test_same_bytes_twice(world) -> None:
    """A retried upload adds nothing; two at once neither."""
    user = await world.user()
    first = await world.ingest(DELIVERY, user)
    assert await world.ingest(DELIVERY, user) == first
    await world.work()
    again = await world.ingest(DELIVERY, user)
    assert (again["document_id"], again["status"]) == (first["document_id"], "done")
    both = await asyncio.gather(*(world.ingest(RETURNS, user) for _ in range(4)))
    assert len({each["document_id"] for each in both}) == 1
    await world.work()
    assert len((await world.client.get("/documents", headers=user)).json()["documents"]) == 2
    assert len(world.place.objects) == 2
    assert (await world.ingest(DELIVERY, await world.user()))["document_id"] != first["document_id"]


@pytest.mark.parametrize("system", ["minio", "rabbitmq"])
async def test_not_acknowledged(world, system: str) -> None:
    """Without its bytes in MinIO, or its job in the queue, a document is not acknowledged; asked again, it is taken."""
    user = await world.user()
    world.place.away.add(system)
    answer = await world.client.post("/ingest", json={"title": "T", "text": DELIVERY}, headers=user)
    assert (answer.status_code, answer.json()["error"]["field"]) == (503, system)
    assert int(answer.headers["retry-after"]) >= 1
    world.place.away.clear()
    document_id = await world.known(DELIVERY, user)
    assert (await world.client.get(f"/documents/{document_id}", headers=user)).json()["status"] == "ready"
    assert len((await world.client.get("/documents", headers=user)).json()["documents"]) == 1


async def test_job_that_was_never_queued(world) -> None:
    """A process that ended between row and queue leaves a job that is found stale and done."""
    user = await world.user()
    world.place.away.add("rabbitmq")
    assert (await world.client.post("/ingest", json={"title": "T", "text": DELIVERY}, headers=user)).status_code == 503
    world.place.away.clear()
    assert await world.parts.records.stale(60) == []
    (row,) = await world.parts.records.stale(0)
    await world.parts.work.do(Job(row["id"], row["document_id"], row["kind"]))
    assert (await world.client.get("/documents", headers=user)).json()["documents"][0]["status"] == "ready"


@pytest.mark.parametrize("system", ["bge", "faiss", "elasticsearch", "neo4j", "kafka", "minio"])
async def test_job_goes_on(world, system: str) -> None:
    """Whatever is away, the job waits, says why, and goes on from where it was; nothing is indexed twice."""
    user = await world.user()
    taken = await world.ingest(" ".join(f"Sentence number {number} is of some length." for number in range(200)), user)
    places = world.place.away, world.neighbours.away
    for away in places:
        away.add(system)
    job = world.place.queue.pop()
    with pytest.raises(Unavailable):
        await world.parts.work.do(job)
    shown = (await world.client.get(f"/jobs/{taken['job_id']}", headers=user)).json()
    assert shown["status"] == "running" and shown["error"]
    for away in places:
        away.clear()
    await world.parts.work.do(job)
    shown = (await world.client.get(f"/jobs/{taken['job_id']}", headers=user)).json()
    assert (shown["status"], shown["error"]) == ("done", None)
    chunks = (await world.client.get(f"/documents/{taken['document_id']}", headers=user)).json()["chunks"]
    assert chunks > 16
    assert len(world.neighbours.vectors) == len(world.neighbours.texts) == len(world.place.chunks) == chunks
    await world.parts.work.do(job)  # a message that comes twice
    assert world.place.events.count(("document.ready", taken["document_id"])) == 1


async def test_killed_worker(world, settings, monkeypatch) -> None:
    """A worker that ends in the middle leaves its document to the next one, which waits for nobody."""
    monkeypatch.setattr(world.parts.work, "_settings", settings.model_copy(update={"job_patience": 60}))
    user = await world.user()
    taken = await world.ingest(" ".join(f"Sentence number {number} is of some length." for number in range(200)), user)
    job = world.place.queue.pop()
    world.neighbours.away.add("elasticsearch")
    task = asyncio.create_task(world.parts.work.do(job))
    while not world.neighbours.adds:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    world.neighbours.away.clear()
    async with asyncio.timeout(120):
        await asyncio.gather(world.parts.work.do(job), world.parts.work.do(job))  # two at once: one does it
    assert world.place.events.count(("document.ready", taken["document_id"])) == 1


async def test_outage_is_one_attempt(world, settings, monkeypatch) -> None:
    """However often a job is tried while something is away, it was delivered once."""
    monkeypatch.setattr(world.parts.work, "_settings", settings.model_copy(update={"job_patience": 4, "job_attempts": 1}))
    user = await world.user()
    taken = await world.ingest(DELIVERY, user)
    job = world.place.queue.pop()
    world.place.away.add("minio")
    with pytest.raises(Unavailable):
        await world.parts.work.do(job)  # tries it at 0, 1 and 3 seconds
    shown = (await world.client.get(f"/jobs/{taken['job_id']}", headers=user)).json()
    assert (shown["status"], shown["attempts"]) == ("running", 1)


async def test_document_that_ends_its_worker(world, monkeypatch) -> None:
    """A job whose worker is killed each time is given up."""
    user = await world.user()
    taken = await world.ingest(DELIVERY, user)
    job = world.place.queue.pop()

    async def killed(*_: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(world.parts.work, "_ingest", killed)
    for _ in range(4):
        with pytest.raises(asyncio.CancelledError):
            await world.parts.work.do(job)
    await world.parts.work.do(job)
    shown = (await world.client.get(f"/jobs/{taken['job_id']}", headers=user)).json()
    assert shown["status"] == "failed" and "4 attempts" in shown["error"]


async def test_unforeseen_failures(world, monkeypatch) -> None:
    """A job that fails by itself is given up soon, unless it removes a document: that goes back."""
    user = await world.user()
    document_id = await world.known(DELIVERY, user)
    taken = await world.ingest(RETURNS, user)

    async def broken(*_: object) -> None:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(world.parts.work, "_ingest", broken)
    monkeypatch.setattr(world.parts.work, "_delete", broken)
    monkeypatch.setattr(world.parts.work, "_settings", world.parts.settings.model_copy(update={"job_patience": 60}))
    await world.work()
    job = (await world.client.get(f"/jobs/{taken['job_id']}", headers=user)).json()
    assert (job["status"], job["error"], job["attempts"]) == ("failed", "RuntimeError", 1)
    await world.client.delete(f"/documents/{document_id}", headers=user)
    with pytest.raises(Unavailable):
        await world.parts.work.do(world.place.queue[0])
    shown = (await world.client.get(f"/jobs/{world.place.queue[0].job_id}", headers=user)).json()
    assert (shown["status"], shown["error"], shown["attempts"]) == ("running", "RuntimeError", 1)


async def test_stale_jobs_are_given_again_ever_more_rarely(world) -> None:
    """A backlog does not multiply: a job is queued again after at least the time that it had waited then."""
    taken = await world.ingest(DELIVERY, await world.user())

    async def stale(created: int, touched: int) -> bool:
        await world.parts.pool.execute(
            "UPDATE jobs SET created_at = now() - $1 * interval '1 s', updated_at = now() - $2 * interval '1 s'", created, touched
        )
        return [str(row["id"]) for row in await world.parts.records.stale(600)] == [taken["job_id"]]

    assert not await stale(500, 500)
    assert await stale(700, 700)
    assert not await stale(3000, 700)
    assert await stale(3000, 1600)


async def test_job_fails(world) -> None:
    """What cannot be read ends its job with a reason, what is away for ever after so many attempts; asked again, it is tried again."""
    user = await world.user()
    answer = await world.client.post("/ingest", files={"file": ("a.pdf", b"%PDF-1.7 nothing")}, headers=user)
    taken = answer.json()
    await world.work()
    job = (await world.client.get(f"/jobs/{taken['job_id']}", headers=user)).json()
    assert job["status"] == "failed" and "PDF" in job["error"]
    assert (await world.client.get(f"/documents/{taken['document_id']}", headers=user)).json()["status"] == "failed"
    assert world.place.statuses[taken["document_id"]][-1] == "failed"

    taken = await world.ingest(DELIVERY, user)
    world.place.away.add("kafka")
    for _ in range(5):
        try:
            await world.parts.work.do(Job(UUID(taken["job_id"]), UUID(taken["document_id"]), "ingest"))
        except Unavailable:
            continue
        break
    job = (await world.client.get(f"/jobs/{taken['job_id']}", headers=user)).json()
    assert job["status"] == "failed" and "4 attempts" in job["error"]
    world.place.away.clear()
    world.place.queue.clear()
    again = await world.ingest(DELIVERY, user)
    assert again["document_id"] == taken["document_id"] and again["job_id"] != taken["job_id"]
    await world.work()
    assert (await world.client.get(f"/documents/{taken['document_id']}", headers=user)).json()["status"] == "ready"
    failed = (await world.client.get("/jobs?status=failed", headers=user)).json()["jobs"]
    assert len(failed) == 2


async def test_delete(world) -> None:
    """A document that is deleted is found no more at once, and is nowhere after its job, however often that is tried."""
    user = await world.user()
    document_id = await world.known(DELIVERY, user)
    stranger = await world.user()
    assert (await world.client.delete(f"/documents/{document_id}", headers=stranger)).status_code == 404
    world.neighbours.away.add("elasticsearch")
    assert (await world.client.delete(f"/documents/{document_id}", headers=user)).status_code == 204
    world.neighbours.away.clear()
    assert (await world.client.get(f"/documents/{document_id}", headers=user)).status_code == 404
    assert (await world.client.delete(f"/documents/{document_id}", headers=user)).status_code == 404
    assert (await world.client.post("/search", json={"query": "delivery"}, headers=user)).json()["results"] == []
    world.neighbours.away.add("elasticsearch")
    job = world.place.queue.pop()
    with pytest.raises(Unavailable):
        await world.parts.work.do(job)
    world.neighbours.away.clear()
    await world.parts.work.do(job)
    assert not world.neighbours.vectors and not world.neighbours.texts and not world.place.chunks and not world.place.objects
    assert ("document.deleted", document_id) in world.place.events
    await world.parts.work.do(job)
    assert (await world.ingest(DELIVERY, user))["document_id"] != document_id


async def test_delete_is_never_given_up(world) -> None:
    """However long something is away, a document that somebody removed goes when it is back."""
    user = await world.user()
    document_id = await world.known(DELIVERY, user)
    await world.client.delete(f"/documents/{document_id}", headers=user)
    world.neighbours.away.add("elasticsearch")
    (job,) = world.place.queue
    for _ in range(6):
        with pytest.raises(Unavailable):
            await world.parts.work.do(job)
    world.neighbours.away.clear()
    await world.work()
    assert not world.neighbours.vectors and not world.neighbours.texts and not world.place.objects


async def test_ids_of_others(world) -> None:
    """What the index holds beside chunks harms nothing."""
    user = await world.user()
    document_id = await world.known(DELIVERY, user)
    for each in ("x", "x:1", f"{document_id}:", f"{document_id}:y", f"{document_id}:99999999999999", f"{document_id}:-1", ""):
        world.neighbours.vectors[each] = next(iter(world.neighbours.vectors.values()))
    answer = await world.client.post("/search", json={"query": "delivery"}, headers=user)
    assert {source["document_id"] for source in answer.json()["results"]} == {document_id}


async def test_who_finds_what(world) -> None:
    """A user finds own documents and those of operators; an operator finds all."""
    one, other = await world.user(), await world.user()
    mine = await world.known("The secret delivery of user one. " + DELIVERY, one)
    shared = await world.known("Shared delivery terms of everybody. " + DELIVERY, world.operator)

    async def found(who: dict[str, str]) -> set[str]:
        answer = await world.client.post("/search", json={"query": "delivery terms", "top_k": 50}, headers=who)
        return {source["document_id"] for source in answer.json()["results"]}

    assert await found(one) == {mine, shared}
    assert await found(other) == {shared}
    assert await found(world.operator) == {mine, shared}
    assert (await world.client.get(f"/documents/{mine}", headers=other)).status_code == 404
    assert (await world.client.get(f"/documents/{mine}/content", headers=other)).status_code == 404
    assert (await world.client.get(f"/documents/{shared}/content", headers=other)).text.startswith("Shared delivery")


@pytest.mark.parametrize("away", [{"bge"}, {"faiss"}, {"elasticsearch"}, {"neo4j"}])
async def test_search_without(world, away: set[str]) -> None:
    """What is found by one way is found while another is away."""
    user = await world.user()
    document_id = await world.known(DELIVERY, user)
    world.neighbours.away |= away
    world.place.away |= away
    answer = await world.client.post("/search", json={"query": "delivery"}, headers=user)
    assert answer.json()["results"][0]["document_id"] == document_id


async def test_search_without_anything(world) -> None:
    user = await world.user()
    world.neighbours.away |= {"faiss", "elasticsearch"}
    for path in ("/search", "/query"):
        answer = await world.client.post(path, json={"query": "delivery"}, headers=user)
        assert (answer.status_code, answer.json()["error"]["field"]) == (503, "faiss-service")


async def test_model_is_away(world) -> None:
    """Sources come, and then an error that names what is away: exactly one end."""
    user = await world.user()
    await world.known(DELIVERY, user)
    world.neighbours.away.add("llm")
    events = events_of((await world.client.post("/query", json={"query": "delivery"}, headers=user)).text)
    assert [name for name, _ in events] == ["sources", "error"]
    assert events[1][1]["error"]["field"] == "llm-proxy"


async def test_done_means_kept(world, monkeypatch) -> None:
    """An answer is done once its conversation is kept; where it cannot be, the end is an error."""
    user = await world.user()
    keep = Memory.say

    async def late(*said: Any) -> None:
        await asyncio.sleep(1)
        await keep(*said)

    monkeypatch.setattr(Memory, "say", late)
    done = events_of((await world.client.post("/query", json={"query": "delivery"}, headers=user)).text)[-1]
    assert done[0] == "done"
    kept = (await world.client.get(f"/conversations/{done[1]['conversation_id']}", headers=user)).json()
    assert kept["messages"][1]["id"] == done[1]["message_id"]

    async def lost(*_: Any) -> None:
        raise Unavailable("redis", "switched off")

    monkeypatch.setattr(Memory, "say", lost)
    events = events_of((await world.client.post("/query", json={"query": "delivery"}, headers=user)).text)
    assert [name for name, _ in events] == ["sources"] + ["token"] * 4 + ["error"]
    assert events[-1][1]["error"]["field"] == "redis"
    answer = await world.client.post("/query", json={"query": "delivery"}, headers=user | {"Accept": "application/json"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (503, "redis")


async def test_conversations_go_by_themselves(world) -> None:
    """What Redis holds of a user's conversations ends also where the user never comes again, and is counted no more."""
    user = await world.user()
    answer = await world.client.post("/query", json={"query": "delivery"}, headers=user | {"Accept": "application/json"})
    conversation, redis = UUID(answer.json()["conversation_id"]), world.parts.memory._redis
    for each in (memory._meta(conversation), memory._messages(conversation), memory._of(UUID(user["X-User-Id"]))):
        assert 0 < await redis.ttl(each) <= 90 * 86400
    count = await world.parts.memory.count()
    await redis.zadd(memory._EVERY, {str(uuid4()): 1.0})
    assert await world.parts.memory.count() == count
    await world.client.post("/query", json={"query": "delivery"}, headers=user | {"Accept": "application/json"})
    assert await redis.zcard(memory._EVERY) == await world.parts.memory.count() == count + 1


async def test_client_goes_away(world) -> None:
    """The model stops, and what was said until then is kept."""
    user = await world.user()
    world.neighbours.words, world.neighbours.delay = [f"word{number} " for number in range(500)], 0.05
    async with world.client.stream("POST", "/query", json={"query": "delivery"}, headers=user) as answer:
        seen = ""
        async for piece in answer.aiter_text():
            seen += piece
            if seen.count("event: token") > 3:
                break
    conversation = events_of(seen.split("event: token")[0])[0][1]["conversation_id"]
    for _ in range(100):
        kept = await world.client.get(f"/conversations/{conversation}", headers=user)
        if kept.status_code == 200 and world.neighbours.stopped:
            break
        await asyncio.sleep(0.05)
    assert world.neighbours.stopped == 1
    said = kept.json()["messages"][1]["content"]
    assert said.startswith("word0 word1") and "word400" not in said


async def test_pings(world, monkeypatch) -> None:
    """A model that thinks for long is bridged by comments."""
    monkeypatch.setattr("algo_service.api.query.PING_SECONDS", 0.2)
    world.neighbours.delay = 0.5
    user = await world.user()
    answer = await world.client.post("/query", json={"query": "delivery"}, headers=user)
    assert answer.text.count(": ping") >= 4
    assert "event: done" in answer.text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"query": ""}, "query"),
        ({"query": "   "}, "query"),
        ({"query": "x" * 4001}, "query"),
        ({"query": 7}, "query"),
        ({"query": "x", "top_k": 0}, "top_k"),
        ({"query": "x", "top_k": 21}, "top_k"),
        ({"query": "x", "conversation_id": "no"}, "conversation_id"),
        ({"query": "x", "unknown": 1}, "unknown"),
        ([], "body"),
        ({}, "query"),
    ],
)
async def test_bad_questions(world, body: Any, field: str) -> None:
    answer = await world.client.post("/query", json=body, headers=world.operator)
    error = answer.json()["error"]
    assert (answer.status_code, error["field"]) == (400, field)
    assert error["found"] and error["wanted"] and error["message"]


@pytest.mark.parametrize(
    ("request_", "status", "field"),
    [
        ({"json": {"title": "T"}}, 400, "text"),
        ({"json": {"title": "", "text": "x"}}, 400, "title"),
        ({"json": {"title": "T", "text": ""}}, 400, "text"),
        ({"json": {"title": "T", "text": "x\0y"}}, 415, "file"),
        ({"json": {"title": "a\0b", "text": "x"}}, 400, "title"),
        ({"json": {"title": "a\nb", "text": "x"}}, 400, "title"),
        ({"files": {"file": ("a.txt", b"x")}, "data": {"title": "a\0b"}}, 400, "title"),
        ({"content": FORM % b"a\0b.txt", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400, "filename"),
        ({"content": FORM % b"a\x1bb.txt", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400, "filename"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "body"),
        ({"content": b"x", "headers": {"content-type": "text/plain"}}, 415, "Content-Type"),
        ({"content": b"x"}, 415, "Content-Type"),
        ({"files": {"other": ("a.txt", b"x")}}, 400, "file"),
        ({"files": {"file": ("a.txt", b"")}}, 400, "file"),
        ({"files": {"file": ("a.png", b"\x89PNG")}}, 415, "file"),
        ({"files": {"file": ("a.txt", b"\xff\xfe")}}, 415, "file"),
        ({"files": {"file": ("a.txt", b"x" * 500_001)}}, 413, "file"),
        ({"files": [("file", ("a.txt", b"x")), ("file", ("b.txt", b"y"))]}, 400, "body"),
        ({"files": {"file": ("a.txt", b"x")}, "data": {"title": "t" * 301}}, 400, "title"),
        ({"content": b"--x", "headers": {"content-type": "multipart/form-data"}}, 400, "body"),
        ({"content": b"garbage", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400, "body"),
    ],
)
async def test_bad_documents(world, request_: dict[str, Any], status: int, field: str) -> None:
    """Each is refused by name, and leaves nothing behind."""
    user = await world.user()
    headers = user | request_.pop("headers", {})
    answer = await world.client.post("/ingest", headers=headers, **request_)
    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field), answer.text
    assert not world.place.objects and not world.place.queue
    assert (await world.client.get("/documents", headers=user)).json()["documents"] == []


async def test_name_of_a_file(world) -> None:
    """A path in a file's name goes no further than the name."""
    user = await world.user()
    answer = await world.client.post("/ingest", files={"file": ("../../etc/报告.txt", b"text")}, headers=user)
    shown = (await world.client.get(f"/documents/{answer.json()['document_id']}", headers=user)).json()
    assert (shown["filename"], shown["title"]) == ("报告.txt", "报告")
    content = await world.client.get(f"/documents/{shown['id']}/content", headers=user)
    assert content.content == b"text"
    assert content.headers["content-disposition"] == "attachment; filename*=UTF-8''%E6%8A%A5%E5%91%8A.txt"


async def test_pages(world) -> None:
    """Lists come in pages that miss nothing and repeat nothing."""
    user = await world.user()
    ids = [(await world.ingest(f"{DELIVERY} {number}", user))["document_id"] for number in range(5)]
    seen, cursor = [], ""
    while True:
        page = (await world.client.get(f"/documents?limit=2{cursor}", headers=user)).json()
        seen += [document["id"] for document in page["documents"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == ids[::-1]
    assert (await world.client.get("/documents?limit=101", headers=user)).status_code == 400
    assert (await world.client.get("/documents?cursor=x", headers=user)).json()["error"]["field"] == "cursor"
    for cursor in ("x", "nan", "inf", "-inf", "1e999"):
        answer = await world.client.get(f"/conversations?cursor={cursor}", headers=user)
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, "cursor")
    assert (await world.client.get("/jobs?status=x", headers=user)).json()["error"]["field"] == "status"
    for number in range(3):
        body = {"query": f"question {number}"}
        await world.client.post("/query", json=body, headers=user | {"Accept": "application/json"})
    first = (await world.client.get("/conversations?limit=2", headers=user)).json()
    second = (await world.client.get(f"/conversations?limit=2&cursor={first['next']}", headers=user)).json()
    titles = [each["title"] for each in first["conversations"] + second["conversations"]]
    assert titles == ["question 2", "question 1", "question 0"] and second["next"] is None


async def test_users(world) -> None:
    """Operators make users; wrong names and wrong passwords look alike; who is disabled may do nothing."""
    user = await world.user("maria")
    login = {"username": "maria", "password": "a-long-password"}
    verified = await world.client.post("/auth/verify", json=login)
    assert verified.json() == {"user_id": user["X-User-Id"], "username": "maria", "role": "user"}
    wrong = await world.client.post("/auth/verify", json=login | {"password": "another-password"})
    unknown = await world.client.post("/auth/verify", json={"username": "nobody", "password": "another-password"})
    assert wrong.status_code == unknown.status_code == 401 and wrong.json() == unknown.json()
    assert (await world.client.post("/users", json=login | {"role": "user"}, headers=world.operator)).status_code == 409
    for method, path in (("GET", "/users"), ("POST", "/users"), ("GET", "/stats")):
        answer = await world.client.request(
            method, path, headers=user, json={"username": "x", "password": "a-long-password", "role": "operator"}
        )
        assert answer.status_code == 403
    failed = failures.labels("postgresql")._value.get()
    answer = await world.client.post("/auth/verify", json=login | {"username": "maria\0"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "username")
    assert failures.labels("postgresql")._value.get() == failed
    assert (await world.client.post("/users", json=login | {"username": "a\0b", "role": "user"}, headers=world.operator)).status_code == 400
    assert (await world.client.get("/users")).status_code == 401
    assert (await world.client.get("/documents", headers={"X-User-Id": str(uuid4())})).status_code == 401
    assert (await world.client.get("/documents", headers={"X-User-Id": "x"})).status_code == 401
    for headers, role in ((user, "user"), (world.operator, "operator"), (user | {"X-User-Role": "operator"}, "user")):
        who = await world.client.get("/auth/user", headers=headers)
        assert (who.status_code, who.json()) == (200, {"user_id": headers["X-User-Id"], "role": role})

    path = f"/users/{user['X-User-Id']}"
    changed = await world.client.patch(path, json={"password": "a-newer-password"}, headers=world.operator)
    assert changed.status_code == 200 and "password" not in changed.text
    assert (await world.client.post("/auth/verify", json=login)).status_code == 401
    assert (await world.client.post("/auth/verify", json=login | {"password": "a-newer-password"})).status_code == 200
    assert (await world.client.patch(path, json={"disabled": True}, headers=world.operator)).json()["disabled"] is True
    assert (await world.client.post("/auth/verify", json=login | {"password": "a-newer-password"})).status_code == 401
    assert (await world.client.get("/documents", headers=user)).status_code == 401
    assert (await world.client.get("/auth/user", headers=user)).status_code == 401
    own = f"/users/{world.operator['X-User-Id']}"
    assert (await world.client.delete(own, headers=world.operator)).status_code == 409
    assert (await world.client.patch(own, json={"role": "user"}, headers=world.operator)).status_code == 409
    assert (await world.client.patch(path, json={"disabled": False}, headers=world.operator)).status_code == 200
    assert (await world.client.get("/auth/user", headers=user)).status_code == 200
    assert (await world.client.delete(path, headers=world.operator)).status_code == 204
    assert (await world.client.get("/auth/user", headers=user)).status_code == 401
    assert (await world.client.delete(path, headers=world.operator)).status_code == 404
    for body in (
        {"username": "x y", "password": "a-long-password", "role": "user"},
        {"username": "x", "password": "short", "role": "user"},
    ):
        assert (await world.client.post("/users", json=body, headers=world.operator)).status_code == 400
    listed = (await world.client.get("/users?limit=1", headers=world.operator)).json()
    assert listed["users"][0]["username"] == "operator" and listed["next"] is None
    hashed = await world.parts.pool.fetchval("SELECT password_hash FROM users")
    assert hashed.startswith("$argon2id$")


async def test_stats(world) -> None:
    """What the operator's page shows, also while the index is away."""
    await world.known(DELIVERY, await world.user())
    stats = (await world.client.get("/stats", headers=world.operator)).json()
    assert (stats["documents"], stats["users"], stats["jobs"]) == (1, 2, {"queued": 0, "running": 0, "done": 1, "failed": 0})
    assert stats["index"]["total_vectors"] == stats["chunks"] >= 1
    world.neighbours.away.add("faiss")
    assert (await world.client.get("/stats", headers=world.operator)).json()["index"] is None


async def test_voice(world) -> None:
    """Audio in, text and audio out, in one conversation."""
    user = await world.user()
    await world.known(DELIVERY, user)
    events: list[dict[str, Any]] = []
    audio = b""
    async with connect(f"ws://127.0.0.1:{world.port}/voice/stream", additional_headers=user) as link:
        await link.send(json.dumps({"type": "start"}))

        async def speak() -> None:
            heard = tone(HEARD, 0.6, 16000)  # whole: a frame over and over would be a tone of 50 Hz and its harmonics
            for samples in [heard[start : start + 640] for start in range(0, len(heard), 640)] + [bytes(640)] * 200:
                await link.send(samples)
                await asyncio.sleep(0.02)

        speaking = asyncio.create_task(speak())
        async with asyncio.timeout(15):
            while [event.get("state") for event in events if event["type"] == "state"].count("listening") < 2:
                frame = await link.recv()
                if isinstance(frame, bytes):
                    audio += frame
                else:
                    events.append(json.loads(frame))
        speaking.cancel()
        await link.send(json.dumps({"type": "bye"}))
        await link.wait_closed()
        assert link.close_code == 1000
    assert abs(world.neighbours.heard[0] - HEARD) < 5
    assert [event["rate"] for event in events if event["type"] == "audio"] == [TTS_RATE]
    assert abs(peak(audio, TTS_RATE) - SPOKEN) < 5
    assert {"type": "transcript", "role": "user", "text": "a tone was heard", "final": True} in events
    assert {"type": "transcript", "role": "assistant", "text": "It takes three days.", "final": True} in events
    listed = (await world.client.get("/conversations", headers=user)).json()["conversations"]
    assert [(each["title"], each["messages"]) for each in listed] == [("a tone was heard", 2)]


async def test_voice_refuses(world) -> None:
    """A stream of nobody, and frames that are none."""
    url = f"ws://127.0.0.1:{world.port}/voice/stream"
    async with connect(url) as link:
        assert json.loads(await link.recv())["error"]["field"] == "X-User-Id"
    for frame in ("no json", "[]", b"odd"):
        async with connect(url, additional_headers=world.operator, subprotocols=["voicehelper.v1"]) as link:
            assert link.subprotocol == "voicehelper.v1"
            await link.send(frame)
            assert json.loads(await link.recv())["error"]["field"] == "frame"
    assert (await world.client.get("/health")).status_code == 200


async def test_voice_waits_for_nobody(world, settings, monkeypatch) -> None:
    """Who opens a stream and says nothing, at first or later, loses it."""
    monkeypatch.setattr("algo_service.api.voice.OPENING_SECONDS", 0.3)
    monkeypatch.setitem(settings.__dict__, "voice_idle", 0.6)
    url = f"ws://127.0.0.1:{world.port}/voice/stream"
    async with asyncio.timeout(30), connect(url, additional_headers=world.operator) as link:
        assert json.loads(await link.recv())["error"]["field"] == "frame"
        await link.wait_closed()
        assert link.close_code == 1001
    async with asyncio.timeout(30), connect(url, additional_headers=world.operator) as link:
        await link.send(json.dumps({"type": "start"}))
        while (told := json.loads(await link.recv()))["type"] != "error":
            await link.send(bytes(640))  # silence is nothing said
        assert told["error"]["field"] == "voice"
        await link.wait_closed()
        assert link.close_code == 1001


async def test_voice_has_places_for_all(world) -> None:
    """One user cannot take them all; a place that is left is there again."""
    url = f"ws://127.0.0.1:{world.port}/voice/stream"

    async def begin(who: dict[str, str]) -> tuple[Any, dict[str, Any]]:
        link = await connect(url, additional_headers=who)
        await link.send(json.dumps({"type": "start"}))
        return link, json.loads(await link.recv())

    one, other = await world.user(), await world.user()
    async with asyncio.timeout(60):
        held = [await begin(who) for who in (one, one, other)]
        assert all(told == {"type": "state", "state": "listening"} for _, told in held)
        refused, told = await begin(one)
        assert told["error"]["field"] == "voice"
        await refused.wait_closed()
        assert refused.close_code == 1013
        await held[0][0].send(json.dumps({"type": "bye"}))
        await held[0][0].wait_closed()
        while (again := await begin(one))[1]["type"] == "error":
            await asyncio.sleep(0.1)
        for link in (again[0], held[1][0], held[2][0]):
            await link.close()


async def test_openapi() -> None:
    """The API's page is that of the program."""
    assert (Path(__file__).parents[1] / "openapi.json").read_text() == openapi(make_app(AlgoSettings()))
