"""One writer and readers that follow it: what `kubectl scale statefulset faiss-service --replicas=3` makes."""

import asyncio
import shutil
import socket
import threading
import time

import httpx
import pytest
from conftest import PATIENCE, vectors

from faiss_service import follower
from faiss_service.follower import take_back
from faiss_service.settings import FaissSettings


def wait(condition, seconds=PATIENCE):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come in time"
        time.sleep(0.05)


@pytest.fixture
def writer(members):
    return members(faiss_nlist=4, train_at=200).start()


def test_readers_answer_as_the_writer_does(members, writer):
    data = vectors(300)
    writer.add([str(n) for n in range(300)], data, [{"n": n} for n in range(300)])
    wait(lambda: writer.stats()["is_trained"])
    readers = [members(n).start() for n in (1, 2)]
    more = writer.add(["more"], vectors(1, seed=3))
    for reader in readers:
        assert reader.search(vectors(1, seed=3)[0], k=1, after=more["sequence"])[0]["id"] == "more"
        mine, its = writer.stats(), reader.stats()
        for name in ("digest", "lineage", "sequence", "index_type"):
            assert mine[name] == its[name]
        assert (mine["role"], its["role"]) == ("writer", "reader")
        for v in data[:20]:
            assert reader.search(v, k=10) == writer.search(v, k=10)


def test_a_write_at_a_reader_is_the_writers_and_seen_there_at_once(members, writer):
    reader = members(1).start()
    data = vectors(20)
    for n in range(20):
        reader.add([str(n)], data[n : n + 1])
        assert reader.search(data[n], k=1)[0]["id"] == str(n)
    assert reader.post("/delete", {"ids": ["3"]}).json()["deleted"] == 1
    assert reader.search(data[3], k=1)[0]["id"] != "3"
    assert reader.post("/add", {"vectors": [[1.0]]}).status_code == 400
    assert reader.clear().json()["deleted"] == 19
    assert writer.stats()["total_vectors"] == reader.stats()["total_vectors"] == 0


def test_without_the_writer_readers_answer_and_refuse_writes_with_a_time_to_come_back(members, writer):
    reader = members(1).start()
    data = vectors(5)
    reader.add([str(n) for n in range(5)], data)
    writer.kill()
    refused = reader.post("/add", {"vectors": data.tolist()})
    assert (refused.status_code, refused.json()["error"]["field"]) == (503, "writer") and int(refused.headers["retry-after"]) > 0
    assert reader.search(data[2], k=1)[0]["id"] == "2"
    assert reader.get("/ready").status_code == 200
    writer.start()
    wait(lambda: reader.post("/add", {"ids": ["back"], "vectors": data[:1].tolist()}).status_code == 200)


def test_a_reader_that_may_be_too_old_is_not_ready(members, writer):
    reader = members(1, max_stale_seconds=1).start()
    writer.kill()
    wait(lambda: reader.get("/ready").status_code == 503)
    assert "has not heard of the writer" in reader.get("/ready").text
    writer.start()
    wait(lambda: reader.get("/ready").status_code == 200)


def test_a_reader_is_not_ready_before_it_has_caught_up_once(members, writer):
    writer.kill()
    reader = members(1).start(ready=False)
    time.sleep(1)
    assert reader.get("/ready").json()["waiting_for"] == {"index": "the reader has not caught up with the writer yet"}
    writer.start()
    wait(lambda: reader.get("/ready").status_code == 200)


def test_a_reader_that_was_away_for_long_takes_over_the_snapshot(members, writer):
    reader = members(1).start()
    reader.service.stop()
    for n in range(3):  # its place in the log is gone after two snapshots
        writer.add([f"n{n}"], vectors(1, seed=n))
        writer.post("/save")
    reader.start()
    assert reader.stats()["digest"] == writer.stats()["digest"]


def test_a_reader_whose_disk_is_damaged_begins_anew(members, writer):
    writer.add(["a"], vectors(1))
    reader = members(1).start()
    reader.service.stop()
    file = reader.folder / (reader.folder / "current").read_text() / "vectors.faiss"
    file.write_bytes(b"x" + file.read_bytes()[1:])
    reader.start()
    assert reader.stats()["digest"] == writer.stats()["digest"]


def test_readers_follow_a_restore_into_the_past(members, writer):
    writer.add(["a"], vectors(1))
    archive = writer.get("/backup").content
    reader = members(1).start()
    reader.add(["b"], vectors(1, seed=1))
    assert httpx.post(writer.base + "/restore", params={"replace": True}, content=archive, timeout=PATIENCE).status_code == 200
    wait(lambda: reader.stats()["lineage"] == writer.stats()["lineage"])
    assert reader.stats()["digest"] == writer.stats()["digest"] and reader.stats()["total_vectors"] == 1
    assert httpx.post(reader.base + "/restore", content=archive, timeout=PATIENCE).status_code == 409


def test_members_agree_after_kills_of_all_of_them_under_adds(members, writer):
    readers = [members(n).start() for n in (1, 2)]
    stop, acknowledged = threading.Event(), []

    def add(member, name):
        n = 0
        while not stop.is_set():
            try:
                answer = member.post("/add", {"ids": [f"{name}-{n}"], "vectors": vectors(1, seed=n).tolist()})
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            if answer.status_code == 200:
                acknowledged.append(f"{name}-{n}")
                n += 1
            else:
                assert answer.status_code == 503, answer.text

    threads = [threading.Thread(target=add, args=(member, f"m{n}")) for n, member in enumerate((writer, *readers))]
    for thread in threads:
        thread.start()
    for wanted, member in ((20, readers[0]), (40, writer), (60, readers[1]), (80, writer)):
        wait(lambda wanted=wanted: len(acknowledged) >= wanted)
        member.kill()
        member.start(ready=False)
    wait(lambda: len(acknowledged) >= 100)
    stop.set()
    for thread in threads:
        thread.join()
    last = writer.stats()
    assert last["total_vectors"] - len(set(acknowledged)) in range(4)  # one of each adder may be there without its answer
    for reader in readers:
        wait(lambda reader=reader: reader.stats()["sequence"] == last["sequence"])
        assert reader.stats()["digest"] == last["digest"]
    assert readers[0].post("/delete", {"ids": acknowledged[:1000]}).json()["deleted"] == len(set(acknowledged[:1000]))


def test_a_writer_that_lost_its_disk_takes_the_index_back_from_a_reader(members, writer):
    readers = [members(n).start() for n in (1, 2)]
    data = vectors(30)
    writer.add([str(n) for n in range(30)], data)
    before = writer.stats()
    wait(lambda: readers[0].stats()["digest"] == before["digest"])
    writer.kill()
    shutil.rmtree(writer.folder)
    writer.settings["take_back_seconds"] = 5
    writer.start()
    after = writer.stats()
    assert (after["digest"], after["lineage"], after["sequence"]) == (before["digest"], before["lineage"], before["sequence"])
    writer.add(["next"], vectors(1, seed=8))
    for reader in readers:
        wait(lambda reader=reader: reader.stats()["digest"] == writer.stats()["digest"])


@pytest.mark.parametrize("grown", [False, True])
def test_readers_do_not_follow_a_writer_into_its_loss(members, writer, grown):
    reader = members(1).start()
    reader.add(["kept"], vectors(1))
    reader.kill()
    writer.kill()
    shutil.rmtree(writer.folder)
    writer.start()  # nobody is there to take it back from
    if grown:
        for n in range(5):  # more than the reader has
            writer.add([f"n{n}"], vectors(1, seed=n))
    reader.start(ready=False)
    wait(lambda: "the writer has lost" in reader.get("/ready").text)
    assert reader.stats()["total_vectors"] == 1
    if grown:  # an operator decides: what the reader has comes back by a restore
        archive = reader.get("/backup").content
        assert httpx.post(writer.base + "/restore", params={"replace": True}, content=archive, timeout=PATIENCE).status_code == 200
    else:
        writer.kill()
        writer.settings["take_back_seconds"] = 5
        writer.start()  # now there is
    wait(lambda: reader.get("/ready").status_code == 200)
    assert writer.stats()["total_vectors"] == 1


LOADING, AWAY, NO_DNS, NOBODY = 503, httpx.ConnectTimeout("away"), socket.EAI_AGAIN, socket.EAI_NONAME


@pytest.mark.parametrize(
    ("says", "taken", "bound"),
    [
        ({1: [{"sequence": 0}], 2: [{"sequence": 0}]}, None, PATIENCE),  # a new cluster
        ({}, None, PATIENCE),
        ({1: [{"sequence": 4}], 2: [{"sequence": 7}]}, 2, PATIENCE),
        ({1: [LOADING, LOADING, {"sequence": 7}], 2: [{"sequence": 4}]}, 1, PATIENCE),
        ({1: [AWAY, LOADING, {"sequence": 7}]}, 1, PATIENCE),
        ({1: [NO_DNS, {"sequence": 7}]}, 1, PATIENCE),
        ({1: [LOADING], 2: [{"sequence": 4}]}, 2, 1),  # for as long as the setting says
        ({1: [AWAY], 2: [NO_DNS]}, None, 1),
    ],
)
def test_a_writer_with_an_empty_disk_waits_for_readers_that_may_hold_the_index(monkeypatch, says, taken, bound):
    settings = FaissSettings(member="f-0", member_url="http://f-{}.test:80", take_back_seconds=bound)
    found, counts = [], {}

    def next_of(host):
        member = int(host[2])
        counts[member] = counts.get(member, -1) + 1
        lines = says.get(member, [NOBODY])
        return lines[min(counts[member], len(lines) - 1)]

    now = {}

    def resolve(host, *_, **__):
        now[host] = next_of(host)
        if now[host] in (NO_DNS, NOBODY):
            raise socket.gaierror(now[host], "no name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]

    def answer(request):
        match now[request.url.host]:
            case httpx.TransportError() as error:
                raise error
            case int() as status:
                return httpx.Response(status)
            case body:
                return httpx.Response(200, json=body)

    async def take_over(_, __, client):
        found.append(client.base_url.host)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(follower, "http_client", lambda **options: httpx.AsyncClient(transport=httpx.MockTransport(answer), **options))
    monkeypatch.setattr(follower, "take_over", take_over)
    began = time.monotonic()
    asyncio.run(take_back(settings, None, lambda: False))
    assert found == ([f"f-{taken}.test"] if taken else [])
    assert (time.monotonic() - began >= bound) == (bound == 1)  # no longer than someone is awaited
