"""How programs are run for the store and for the lab: as in nobody's shell, and what goes wrong is told."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from artifacts import host, podman, process
from artifacts.store import ArtifactError, Store
from lab import progress


def test_settings_of_the_callers_python_stay_outside(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", "/elsewhere")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example")
    process.run(["env"], log=tmp_path / "log", env={"OWN": "1"})
    for told in (process.output(["env"], env={"OWN": "1"}), (tmp_path / "log").read_text()):
        assert "PYTHONPYCACHEPREFIX" not in told
        assert {"HTTP_PROXY=http://proxy.example", "OWN=1"} <= set(told.splitlines())


def test_what_a_program_makes_can_be_read_whatever_the_callers_umask(tmp_path):
    before = os.umask(0o077)
    try:
        process.run(["touch", tmp_path / "made"], log=tmp_path / "log")
    finally:
        os.umask(before)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o644


def test_a_failure_is_told_in_the_programs_words(tmp_path):
    with pytest.raises(ArtifactError, match=r"^sh -c ended with 3: no such thing$"):
        process.output(["sh", "-c", "echo no such thing >&2; exit 3"])
    with pytest.raises(FileNotFoundError):
        process.output(["no-such-program"])


def test_an_interrupt_of_the_lab_ends_its_programs(monkeypatch):
    ended = []
    monkeypatch.setattr(process, "stop_all", ended.append)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(progress, "_advance", interrupt)
    with pytest.raises(KeyboardInterrupt):
        progress.step("Images", lambda: None)
    assert ended == ["interrupted"]


def test_only_what_is_missing_is_installed(monkeypatch, tmp_path):
    assert host.lacking({"sh": "dash", "no-such-program": "some-package"}) == {"some-package"}
    commands = []
    monkeypatch.setattr(process, "run", lambda command, **_: commands.append(command))
    monkeypatch.setattr(shutil, "which", lambda name, **_: f"/usr/bin/{name}")
    host.install(set(), log=tmp_path / "log")
    assert commands == []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    host.install({"b", "a"}, log=tmp_path / "log")
    assert commands[-1][-2:] == ["a", "b"]
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ArtifactError, match="as root: apt-get install a b"):
        host.install({"b", "a"}, log=tmp_path / "log")


def test_containers_open_no_more_files_than_the_machine_allows(monkeypatch, tmp_path):
    def told(hard: int) -> str:
        monkeypatch.setattr(podman.resource, "getrlimit", lambda _: (1024, hard))
        return Path(podman.settings(tmp_path / "containers.conf", 20000)["CONTAINERS_CONF"]).read_text()

    assert '"nofile=20000:20000"' in told(1048576)
    assert '"nofile=4096:4096"' in told(4096)


def test_a_tree_is_gone_or_it_is_told(tmp_path, monkeypatch):
    host.remove_tree(tmp_path / "nothing")
    (tmp_path / "a/b").mkdir(parents=True)
    host.remove_tree(tmp_path / "a")
    assert not (tmp_path / "a").exists()

    def busy(path, *_, **__):
        raise OSError(f"{path}: busy")

    store = Store(tmp_path)
    (store.work / "recipe").mkdir(parents=True)
    monkeypatch.setattr(shutil, "rmtree", busy)
    with pytest.raises(OSError, match="work: busy"):
        host.remove_tree(store.work)
    host.clear_work(store)
    assert store.work.exists()


def test_what_is_mounted_in_a_tree_is_unmounted_first_or_stays(tmp_path, monkeypatch):
    """Innermost first; a disk that cannot be unmounted keeps what is on it."""
    mounts = f"1 1 0:1 / {tmp_path} rw\n2 1 0:1 / {tmp_path}/graph rw\n3 1 0:1 / {tmp_path}/graph/merged rw\n4 1 0:1 / /other rw\n"
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, *rest: mounts if str(path) == "/proc/self/mountinfo" else read(path, *rest))
    (tmp_path / "graph/merged").mkdir(parents=True)
    unmounted = []
    monkeypatch.setattr(process, "output", lambda command: unmounted.append(command[-1]))
    host.remove_tree(tmp_path / "graph")
    assert unmounted == [f"{tmp_path}/graph/merged", f"{tmp_path}/graph"]

    def refused(command):
        raise ArtifactError("umount ended with 32")

    (tmp_path / "graph/merged").mkdir(parents=True)
    monkeypatch.setattr(process, "output", refused)
    with pytest.raises(ArtifactError, match="ended with 32"):
        host.remove_tree(tmp_path / "graph")
    assert (tmp_path / "graph/merged").exists()


def test_what_go_compiled_outlives_a_run_that_was_killed(tmp_path):
    store = Store(tmp_path)
    for name in ("modules", "etcd"):
        (store.work / name).mkdir(parents=True)
    host.clear_work(store, keep={"modules"})
    assert [path.name for path in store.work.iterdir()] == ["modules"]
    host.clear_work(store)
    assert not store.work.exists()
