"""What is acknowledged outlives everything that ends a process; real processes, killed."""

import threading
import time

import httpx
import numpy as np
import pytest
from conftest import PATIENCE, vectors


def adding(member, stop, acknowledged, refused):
    """Adds vectors one after another until `stop`; notes what was acknowledged."""
    data = vectors(20_000, seed=5)
    n = 0
    with httpx.Client(base_url=member.base, timeout=PATIENCE) as client:
        while not stop.is_set() and n < len(data):
            body = {"ids": [f"id-{n}"], "vectors": [data[n].tolist()], "metadata": [{"n": n}]}
            try:
                status = client.post("/add", json=body).status_code
            except httpx.TransportError:
                status = 503
            if status == 503:  # it is away, or loads
                if stop.wait(0.05):
                    return
                continue  # the same again: its id makes that harmless
            (acknowledged if status == 200 else refused).append(n)
            n += 1


def reach(acknowledged, wanted):
    until = time.monotonic() + PATIENCE
    while len(acknowledged) < wanted:
        assert time.monotonic() < until, f"{len(acknowledged)} acknowledged"
        time.sleep(0.02)


@pytest.mark.parametrize("interval", [300, 0.2])
def test_no_acknowledged_vector_is_lost_by_kills_in_the_middle_of_adds(members, interval):
    """With snapshots far apart, so that the log alone has them, and with one snapshot after the other, so that kills fall into them."""
    member = members(index_save_interval=interval, faiss_nlist=4, train_at=200).start()
    stop, acknowledged, refused = threading.Event(), [], []
    thread = threading.Thread(target=adding, args=(member, stop, acknowledged, refused))
    thread.start()
    for wanted in (25, 60, 90):
        reach(acknowledged, wanted)
        member.kill()
        member.start()
    reach(acknowledged, 120)
    stop.set()
    thread.join()
    member.kill()
    member.start()
    data = vectors(20_000, seed=5)
    assert not refused
    stats = member.stats()
    assert stats["total_vectors"] - len(acknowledged) in (0, 1)  # the last one may be there without its answer
    for n in acknowledged:
        assert member.search(data[n], k=1, nprobe=4)[0] == {"id": f"id-{n}", "score": pytest.approx(1, abs=1e-5), "metadata": {"n": n}}


def test_a_stop_saves_and_a_start_reads_nothing_but_the_snapshot(members):
    member = members().start()
    data = vectors(100)
    member.add([str(n) for n in range(100)], data)
    before = member.stats()
    member.service.stop()
    for log in member.folder.glob("log-*"):
        log.unlink()
    after = member.start().stats()
    assert (after["digest"], after["total_vectors"], after["sequence"]) == (before["digest"], 100, before["sequence"])


def test_a_snapshot_that_a_crash_left_half_written_harms_nothing(members):
    member = members().start()
    member.add(["a"], vectors(1))
    member.kill()
    half = member.folder / "snapshot.new"
    half.mkdir()
    (half / "vectors.faiss").write_bytes(b"half")
    assert member.start().stats()["total_vectors"] == 1 and not half.exists()


@pytest.mark.parametrize("what", ["vectors.faiss", "items.jsonl", "manifest.json"])
def test_a_damaged_snapshot_is_refused_with_its_name(members, what):
    member = members().start()
    member.add(["a"], vectors(1))
    member.service.stop()
    file = member.folder / (member.folder / "current").read_text() / what
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(AssertionError, match=r"snapshot-"):
        member.start()
    assert member.service.process.returncode == 1


def test_two_processes_do_not_share_a_folder(members):
    member = members().start()
    other = members(1)
    other.settings |= {"data_path": member.folder, "member": "faiss-service-0"}
    with pytest.raises(AssertionError, match="another process has it"):
        other.start()


def test_a_backup_restored_elsewhere_is_the_same_and_one_that_is_not_whole_changes_nothing(members):
    member = members(faiss_nlist=4, train_at=200).start()
    data = vectors(400)
    member.add([f"n{n}" for n in range(400)], data, [{"page": n} for n in range(400)])
    archive = member.get("/backup").content
    backed_up = member.stats()
    member.add(["later"], vectors(1, seed=9))
    conflict = member.post("/restore", None)
    assert (conflict.status_code, conflict.json()["error"]["field"]) == (409, "replace")
    for broken in (archive[:-2000], archive[: len(archive) // 2], b"no archive", b"", archive.replace(b'"page":7}', b'"page":8}')):
        answer = httpx.post(member.base + "/restore", params={"replace": True}, content=broken, timeout=PATIENCE)
        assert answer.status_code == 400, answer.text
    assert member.stats()["total_vectors"] == 401
    restored = httpx.post(member.base + "/restore", params={"replace": True}, content=archive, timeout=PATIENCE).json()
    after = member.stats()
    assert restored["digest"] == after["digest"] == backed_up["digest"] and after["total_vectors"] == 400
    assert after["lineage"] != backed_up["lineage"] and after["sequence"] > backed_up["sequence"]
    assert [member.search(v, k=1, nprobe=4)[0]["id"] for v in data[:20]] == [f"n{n}" for n in range(20)]
    member.add(["and on"], vectors(1, seed=10))
    member.kill()
    assert member.start().stats()["total_vectors"] == 401


def test_adds_go_on_beside_snapshots_and_searches_are_right_beside_both(members):
    member = members(index_save_interval=0.05).start()
    data = vectors(300)
    wrong = []
    stop = threading.Event()

    def search():
        while not stop.is_set():
            total = member.stats()["total_vectors"]
            if total:
                n = np.random.default_rng().integers(total)
                if member.search(data[n], k=1)[0]["id"] != str(n):
                    wrong.append(n)

    thread = threading.Thread(target=search)
    thread.start()
    for n in range(300):
        member.add([str(n)], data[n : n + 1])
    stop.set()
    thread.join()
    assert not wrong and member.stats()["total_vectors"] == 300
