"""The store in this process, where what happens between can be held up and looked at."""

import asyncio
import io
import os
import resource
import shutil
import tarfile
import threading
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from conftest import DIMENSION, PATIENCE, vectors

from faiss_service import snapshot
from faiss_service.files import Damaged
from faiss_service.index import Index
from faiss_service.log import Log
from faiss_service.operations import Add
from faiss_service.settings import FaissSettings
from faiss_service.store import Store
from voicehelper_common import ApiError


@asynccontextmanager
async def opened(folder, failures=None):
    settings = FaissSettings(data_path=folder, member="x-0", vector_dimension=DIMENSION, threads=1)
    store = Store(settings, [].append if failures is None else failures.append)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def in_time(work):
    asyncio.run(asyncio.wait_for(work, PATIENCE))


def add(name, metadata=None):
    return Add([name], vectors(1), metadata)


class Held:
    """A function of a thread that is held up at its begin until it is let go on."""

    def __init__(self, function):
        self._function, self._begun, self.go_on = function, threading.Event(), threading.Event()

    def __call__(self, *arguments):
        self._begun.set()
        assert self.go_on.wait(PATIENCE)
        return self._function(*arguments)

    async def begun(self):
        assert await asyncio.to_thread(self._begun.wait, PATIENCE)


async def waits(task):
    """Whether it is still not done after everything else had its turn."""
    await asyncio.sleep(0.3)
    return not task.done()


def test_what_cannot_be_written_is_its_callers_error_alone(tmp_path):
    deep = {}
    for _ in range(300):
        deep = {"a": deep}

    async def run():
        failures = []
        async with opened(tmp_path, failures) as store:
            changes = (store.change(add("good")), store.change(add("bad", [deep])), store.change(add("also good")))
            first, second, third = await asyncio.gather(*changes, return_exceptions=True)
            assert isinstance(second, TypeError) and first == third == (1, 0)
            assert await store.change(add("later")) == (2, 0) and not failures

    in_time(run())


@pytest.mark.parametrize("what", ["append", "apply"])
def test_a_failure_nobody_foresaw_ends_the_service_and_whoever_waits_is_told(tmp_path, monkeypatch, what):
    def fail(*_):
        raise ZeroDivisionError("a bug")

    async def run():
        failures = []
        async with opened(tmp_path, failures) as store:
            await store.change(add("kept"))
            monkeypatch.setattr(*((Log, "append") if what == "append" else (Index, "apply")), fail)
            waiting = [asyncio.create_task(store.change(add(str(n)))) for n in range(3)]
            for answer in await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), PATIENCE):
                assert isinstance(answer, ApiError) and answer.status_code == 503
            await asyncio.sleep(0)
            assert "a bug" in failures[0]
            for refused in (store.change(add("later")), store.search(vectors(1)[0], 1, 1), store.save()):
                with pytest.raises(ApiError, match="503"):
                    await refused
        monkeypatch.undo()
        async with opened(tmp_path) as store:  # what was in the log is there: of the three, all of a commit or none
            assert len(store.index) == (1 if what == "append" else 4)

    in_time(run())


@pytest.mark.parametrize("name", ["_answer_searches", "_commit_changes", "_save_now_and_then"])
def test_no_loop_ends_unseen(tmp_path, name):
    async def run():
        failures = []
        async with opened(tmp_path, failures) as store:
            next(task for task in store._tasks if task.get_name() == name).cancel()
            await asyncio.sleep(0.1)
            assert failures == [f"{name} ended: None"]

    in_time(run())


@pytest.mark.parametrize("end", ["go on", "close"])
def test_nothing_changes_under_a_snapshot_whose_request_was_cancelled(tmp_path, monkeypatch, end):
    held = Held(snapshot.write)

    async def run():
        async with opened(tmp_path) as store:
            await store.change(add("a"))
            monkeypatch.setattr(snapshot, "write", held)
            saving = asyncio.create_task(store.save())
            await held.begun()
            saving.cancel()
            await asyncio.gather(saving, return_exceptions=True)
            after = asyncio.create_task(store.change(add("b")) if end == "go on" else store.close())
            assert await waits(after)
            held.go_on.set()
            await after
            assert store.saved.sequence == 1
            if end == "close":
                assert sorted(path.name for path in tmp_path.glob("snapshot*")) == [store.saved.name]
                store.close = lambda: asyncio.sleep(0)

    in_time(run())


def test_what_comes_in_is_left_alone_until_the_next_start(tmp_path):
    incoming = [tmp_path / "restore-0.in", tmp_path / "snapshot-of-another.in"]

    async def run():
        async with opened(tmp_path) as store:
            for path in incoming:
                path.write_bytes(b"half")
            await store.change(add("a"))
            await store.save()
            assert all(path.exists() for path in incoming)
        async with opened(tmp_path):
            assert not any(path.exists() for path in incoming)

    in_time(run())


def test_a_snapshot_that_does_not_fit_leaves_nothing_and_the_next_one_is_whole(tmp_path):
    async def run():
        async with opened(tmp_path) as store:
            await store.change(Add([str(n) for n in range(100)], vectors(100)))
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
            try:
                with pytest.raises(OSError, match=r"vectors\.faiss"):
                    await store.save()
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            assert not (tmp_path / "snapshot.new").exists()
            assert (await store.save()).total_vectors == 100

    in_time(run())


def archive_of(folder, **pax):
    """A tar file of a whole snapshot, whose vectors say `pax` of themselves."""
    written = snapshot.write(folder, Index(DIMENSION), "abc", [], 1)
    with tarfile.open(folder / "a.tar", "w:", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted((folder / written.name).iterdir()):
            info = tar.gettarinfo(path, path.name)
            info.pax_headers = pax if path.name == "vectors.faiss" else {}
            tar.addfile(info, io.BytesIO(path.read_bytes()))
    return folder / "a.tar"


def test_an_archive_that_would_unpack_to_more_than_it_is_is_refused(tmp_path):
    archive = archive_of(tmp_path, **{"GNU.sparse.map": "0,16", "GNU.sparse.size": str(2**26)})
    with pytest.raises(Damaged, match=r"holds 'vectors\.faiss', which no snapshot has"):
        snapshot.unpack(archive, tmp_path / "to", DIMENSION, 2**40)
    assert not (tmp_path / "to" / "vectors.faiss").exists()


def test_an_archive_is_unpacked_only_where_it_may_and_does_fit(tmp_path, monkeypatch):
    archive = archive_of(tmp_path)
    size = sum(path.stat().st_size for path in next(tmp_path.glob("snapshot-*")).iterdir())
    assert snapshot.unpack(archive, tmp_path / "to", DIMENSION, size)[0].sequence == 1
    with pytest.raises(Damaged, match="bytes, and there may be"):
        snapshot.unpack(archive, tmp_path / "to", DIMENSION, size - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 90, 10))
    with pytest.raises(OSError, match="No space left"):
        snapshot.unpack(archive, tmp_path / "to", DIMENSION, size)


def test_a_restore_that_fails_leaves_nothing_behind(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    archive = archive_of(tmp_path / "elsewhere", **{"GNU.sparse.map": "0,16", "GNU.sparse.size": str(2**26)})

    async def run():
        async with opened(tmp_path / "index") as store:
            await store.change(add("a"))
            with pytest.raises(Damaged):
                await store.replace(archive, restore=True)
            assert not (tmp_path / "index" / "snapshot.in").exists() and len(store.index) == 1

    in_time(run())


def test_what_is_acknowledged_or_renamed_was_brought_to_the_disk_before(tmp_path, monkeypatch):
    """A kill proves nothing of it: what the kernel holds outlives a process, and not a power loss."""
    events = []
    fsync, write, rename, replace = os.fsync, os.write, Path.rename, Path.replace

    def note(kind, function):
        def noted(first, *rest):  # a path, or a file's number
            path = first if isinstance(first, Path) else Path(f"/proc/self/fd/{first}").readlink()
            if path.is_relative_to(tmp_path):  # asyncio writes to its own pipes as well
                events.append((kind, path.relative_to(tmp_path).as_posix()))
            return function(first, *rest)

        return noted

    monkeypatch.setattr(os, "fsync", note("sync", fsync))
    monkeypatch.setattr(os, "write", note("write", write))
    monkeypatch.setattr(Path, "rename", note("rename", rename))
    monkeypatch.setattr(Path, "replace", note("rename", replace))
    new = [("sync", f"index/snapshot.new/{file}") for file in ("items.jsonl", "manifest.json", "vectors.faiss")]
    placed = [("sync", "index/snapshot.new"), ("rename", "index/snapshot.new"), ("sync", "index")]
    current = [("sync", "index/current.new"), ("rename", "index/current.new"), ("sync", "index")]

    def taken():
        """The events since the last time; the files of a folder are synced in any order."""
        found = [*events]
        events.clear()
        if placed[0] in found:
            at = found.index(placed[0])
            found[at - len(new) : at] = sorted(found[at - len(new) : at])
        return found

    async def run():
        async with opened(tmp_path / "index") as store:
            log = f"index/log-{store.lineage}-"
            assert taken() == [("sync", "."), *new, *placed, *current, ("sync", "index")]  # the last: of the first segment's name
            await store.change(add("a"))
            assert taken() == [("write", f"{log}{1:020d}"), ("sync", f"{log}{1:020d}")]
            await store.save()
            assert taken() == [*new, *placed, *current, ("sync", "index")]
            await store.change(add("b"))
            assert taken() == [("write", f"{log}{2:020d}"), ("sync", f"{log}{2:020d}")]

    in_time(run())
