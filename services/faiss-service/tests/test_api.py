"""faiss-service as its callers see it."""

import asyncio
import json
import re
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from conftest import DIMENSION, PATIENCE, Member, vectors

from faiss_service.api import make
from faiss_service.settings import FaissSettings
from voicehelper_common import openapi
from voicehelper_common.testing import settings_table

V = [0.5] * DIMENSION


@pytest.fixture(scope="module")
def member(tmp_path_factory):
    started = Member(tmp_path_factory.mktemp("data"), "faiss-service-0", faiss_nlist=10, train_at=400, max_vectors=1000).start()
    yield started
    started.kill()


@pytest.fixture(autouse=True)
def empty(request):
    if "member" in request.fixturenames:
        assert request.getfixturevalue("member").clear().status_code == 200


def test_answers_are_as_the_contract_says(member):
    data = vectors(20)
    added = member.add([str(n) for n in range(20)], data, [{"page": n} for n in range(20)])
    assert (added["added"], added["replaced"], added["total_vectors"]) == (20, 0, 20)
    answer = member.post("/search", {"query_vector": data[3].tolist(), "k": 2}).json()
    assert set(answer) == {"results", "query_time", "total_vectors"} and answer["total_vectors"] == 20
    best, second = answer["results"]
    assert best["id"] == "3" and best["metadata"] == {"page": 3} and best["score"] == pytest.approx(1, abs=1e-5) and second["score"] < 1
    stats = member.stats()
    assert {k: stats[k] for k in ("total_vectors", "dimension", "index_type", "is_trained", "role")} == {
        "total_vectors": 20,
        "dimension": DIMENSION,
        "index_type": "Flat",
        "is_trained": False,
        "role": "writer",
    }
    assert stats["memory_usage_mb"] > 10


def test_ids_are_made_where_none_are_given_and_replace_where_they_are_there(member):
    made = member.post("/add", {"vectors": [V, V]}).json()["ids"]
    assert len(set(made)) == 2
    answer = member.add([made[0]], vectors(1), [{"new": True}])
    assert (answer["replaced"], answer["total_vectors"]) == (1, 2)
    assert member.search(vectors(1)[0], k=1)[0] == {"id": made[0], "score": pytest.approx(1, abs=1e-5), "metadata": {"new": True}}
    deleted = member.post("/delete", {"ids": [made[0], "nobody", made[0]]}).json()
    assert (deleted["deleted"], deleted["total_vectors"]) == (1, 1)


@pytest.mark.parametrize(
    ("path", "body", "status", "field", "found", "wanted"),
    [
        ("/add", {"vectors": []}, 400, "vectors", "0 vectors", "1 to 1000 vectors"),
        ("/add", {"vectors": [V] * 1001}, 400, "vectors", "1001 vectors", "1 to 1000 vectors"),
        ("/add", {"vectors": [V, V[:-1]]}, 400, "vectors.1", "31 numbers", "32 numbers"),
        ("/add", {"vectors": [[]]}, 400, "vectors.0", "0 numbers", "32 numbers"),
        ("/add", {"vectors": V}, 400, "vectors.0", "0.5", "a list"),
        ("/add", {"vectors": [["1", *V[1:]]]}, 400, "vectors.0.0", "'1'", "a number"),
        ("/add", {"vectors": [[1e300, *V[1:]]]}, 400, "vectors.0", "a number beyond 32 bits", "32-bit floating point numbers"),
        ("/add", {"vectors": [V, V], "ids": ["a"]}, 400, "ids", "1 ids", "2, one a vector"),
        ("/add", {"vectors": [V, V], "ids": ["a", "a"]}, 400, "ids", "an id more than once", "ids that differ"),
        ("/add", {"vectors": [V], "ids": [""]}, 400, "ids.0", "''", "at least 1 characters"),
        ("/add", {"vectors": [V, V], "metadata": [{}]}, 400, "metadata", "1 metadata", "2, one a vector"),
        ("/add", {"vectors": [V], "metadata": [{"t": "x" * 20_000}]}, 400, "metadata.0", "20008 bytes", "at most 16384 bytes as JSON"),
        ("/search", {"query_vector": V[:-1]}, 400, "query_vector", "31 numbers", "32 numbers"),
        ("/search", {"query_vector": V, "k": 0}, 400, "k", "0", "at least 1"),
        ("/search", {"query_vector": V, "k": 101}, 400, "k", "101", "at most 100"),
        ("/search", {"query_vector": V, "nprobe": 0}, 400, "nprobe", "0", "at least 1"),
        ("/search", {}, 400, "query_vector", "nothing", "a value"),
        ("/delete", {"ids": []}, 400, "ids", "0 ids", "1 to 1000 ids"),
    ],
)
def test_bad_input_is_refused_by_name_and_nothing_of_it_is_held(member, path, body, status, field, found, wanted):
    answer = member.post(path, body)
    error = answer.json()["error"]
    assert (answer.status_code, error["field"], error["found"], error["wanted"]) == (status, field, found, wanted)
    assert member.stats()["total_vectors"] == 0


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e999"])
def test_what_is_no_number_is_refused(member, number):
    body = b'{"query_vector": [' + b",".join([number] * DIMENSION) + b"]}"
    answer = httpx.post(member.base + "/search", content=body, headers={"content-type": "application/json"}, timeout=PATIENCE)
    assert (answer.status_code, answer.json()["error"]["wanted"]) == (400, "a finite number")


@pytest.mark.parametrize("metadata", [b'{"n": 123456789012345678901234567890}', b'{"t": "\\ud800"}'])
def test_metadata_that_could_not_be_given_back_is_refused(member, metadata):
    body = json.dumps({"vectors": [V]}).encode()[:-1] + b', "metadata": [' + metadata + b"]}"
    answer = httpx.post(member.base + "/add", content=body, headers={"content-type": "application/json"}, timeout=PATIENCE)
    assert answer.status_code == 400 and answer.json()["error"]["field"].startswith("metadata.0")
    assert member.stats()["total_vectors"] == 0


def test_metadata_nested_up_to_the_limit_is_held_or_refused_and_writes_go_on(member):
    found = {}
    for levels in range(245, 260):
        metadata = {}
        for _ in range(levels - 1):
            metadata = {"a": metadata}
        answer = member.post("/add", {"ids": ["deep"], "vectors": [V], "metadata": [metadata]})
        found[levels] = answer.status_code
        if answer.status_code == 200:
            assert member.search(np.array(V), k=1)[0]["metadata"] == metadata
        else:
            assert answer.json()["error"]["field"] == "metadata.0"
    assert list(found.values()) == sorted(found.values()) and set(found.values()) == {200, 400}
    member.add(["next"], vectors(1))


def test_what_does_not_fit_is_refused_whole(member):
    member.add([str(n) for n in range(990)], vectors(990))
    answer = member.post("/add", {"vectors": vectors(11).tolist()})
    assert (answer.status_code, answer.json()["error"]["wanted"]) == (507, "at most 1000 vectors")
    assert member.stats()["total_vectors"] == 990


def test_it_trains_itself_when_there_is_enough_and_is_flat_again_when_cleared(member):
    data = vectors(500)
    member.add([str(n) for n in range(500)], data)
    until = time.monotonic() + PATIENCE
    while not member.stats()["is_trained"] and time.monotonic() < until:
        time.sleep(0.05)
    assert member.stats()["index_type"] == "IVF10,Flat"
    assert [member.search(v, k=1, nprobe=10)[0]["id"] for v in data[:50]] == [str(n) for n in range(50)]
    member.clear()
    assert member.stats()["index_type"] == "Flat" and member.search(data[0]) == []


def test_searches_that_wait_share_a_call_and_every_caller_gets_its_own(member):
    data = vectors(300)
    member.add([str(n) for n in range(300)], data)

    async def ask():
        limits = httpx.Limits(max_connections=64)
        async with httpx.AsyncClient(base_url=member.base, limits=limits, timeout=PATIENCE) as client:
            bodies = [{"query_vector": data[n].tolist(), "k": 1 + n % 3} for n in range(128)]
            return await asyncio.gather(*(client.post("/search", json=body) for body in bodies))

    answers = [answer.json()["results"] for answer in asyncio.run(ask())]
    assert [(rows[0]["id"], len(rows)) for rows in answers] == [(str(n), 1 + n % 3) for n in range(128)]
    page = member.get("/metrics").text
    calls, searches = (float(re.search(rf"^faiss_search_batch_{part} (\S+)$", page, re.M)[1]) for part in ("count", "sum"))
    assert calls < searches


def test_nothing_is_served_before_the_index_is_loaded(tmp_path):
    app = make(FaissSettings(data_path=tmp_path, vector_dimension=DIMENSION, member="x-0"))  # its lifespan does not run here

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://faiss") as client:
            return [await client.get("/ready"), await client.post("/search", json={"query_vector": V}), await client.get("/health")]

    assert [answer.status_code for answer in asyncio.run(ask())] == [503, 503, 200]


def test_a_reader_without_its_writers_url_does_not_start():
    with pytest.raises(ValueError, match=r"MEMBER_URL with \{\} for the ordinal, as this member is faiss-service-1"):
        FaissSettings(member="faiss-service-1")


def test_the_api_page_is_up_to_date():
    page = Path(__file__).parents[1] / "openapi.json"
    assert json.loads(page.read_text()) and page.read_text() == openapi(make(FaissSettings(member="x-0")))


def test_scores_are_inner_products(member):
    data = vectors(50) * np.float32(3)
    member.add([str(n) for n in range(50)], data)
    hits = member.search(data[7], k=50)
    np.testing.assert_allclose([hit["score"] for hit in hits], np.sort(data @ data[7])[::-1], rtol=1e-4)


def test_the_readme_has_every_setting():
    assert settings_table(FaissSettings) in (Path(__file__).parents[1] / "README.md").read_text()
