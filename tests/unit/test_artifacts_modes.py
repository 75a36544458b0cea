"""Who may read what is built: everybody, whatever the umask of whoever builds."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from artifacts import podman, process
from artifacts.recipes import Recipe
from artifacts.registry import Registry
from artifacts.store import Store
from artifacts.workspace import Workspace


@pytest.fixture(autouse=True)
def private() -> Iterator[None]:
    """The umask of a careful administrator."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """Mode of each file and folder, by its path below ``folder``; of itself as ``.``."""
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


def source(folder: Path) -> Path:
    """What a clone or a compiler leaves under this umask: a program, a file and a folder that only their owner may read."""
    (folder / "lib").mkdir(parents=True)
    (folder / "lib/log4j2.properties").write_text("x=1\n")
    (folder / "tool").touch(0o777)
    assert set(modes(folder).values()) == {0o700, 0o600}
    return folder


def test_the_store_can_be_served(tmp_path: Path) -> None:
    out, store = source(tmp_path / "out"), Store(tmp_path / "store")
    with store.exclusive():
        store.add_file(out / "tool", "dl.example/v1/tool")
        store.add_file(out / "lib/log4j2.properties", "dl.example/v1/settings", link=False)
        subprocess.run(["mkdir", store.registry], check=True)
    assert modes(store.files) == {
        ".": 0o755,
        "dl.example": 0o755,
        "dl.example/v1": 0o755,
        "dl.example/v1/tool": 0o755,
        "dl.example/v1/settings": 0o644,
    }
    assert modes(store.root)["."] == modes(store.registry)["."] == 0o755, "what a program of the run makes"
    assert os.umask(0o077) == 0o077, "afterwards the caller's own counts again"


def test_what_a_build_leaves_can_be_read(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    recipe, out = Recipe("tool", "go", 1, (), {}), source(tmp_path / "out")
    with store.exclusive():
        Workspace(store, Registry.none(), "amd64").keep_output(recipe, out)
    assert modes(store.outputs / "tool") == {".": 0o755, "tool": 0o755, "lib": 0o755, "lib/log4j2.properties": 0o644}


def test_an_image_copies_what_everybody_may_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, int]] = []
    monkeypatch.setattr(process, "run", lambda command, **_: seen.append(modes(command[-1])))
    podman.build(source(tmp_path / "context"), "x", env={}, log=tmp_path / "log")
    assert seen == [{".": 0o755, "tool": 0o755, "lib": 0o755, "lib/log4j2.properties": 0o644}]
