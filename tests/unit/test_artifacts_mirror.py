"""A mirror on its way: what was damaged, lost or added is found."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from artifacts import mirror, packing
from artifacts.catalogue import Catalogue, File
from artifacts.store import ArtifactError, Store, sha256_of


@pytest.fixture
def carried(tmp_path: Path) -> Path:
    paths = ("files/dl.example/tool", "registry/docker/registry/v2/blobs/sha256/ab/abc/data", "lock.json")
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(path.encode() * 1000)
    lines = [f"{sha256_of(tmp_path / path)}  {path}\n" for path in sorted(paths)]
    (tmp_path / mirror.MANIFEST).write_text("".join(lines))
    return tmp_path


def sent(carried: Path) -> str:
    """What `artifacts mirror` printed, before anything happened to the mirror."""
    return sha256_of(carried / mirror.MANIFEST)


def test_untouched_mirror_is_complete(carried: Path) -> None:
    assert mirror.verify(carried, sent(carried)) == []


def test_one_flipped_bit_is_found(carried: Path) -> None:
    path = carried / "registry/docker/registry/v2/blobs/sha256/ab/abc/data"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert mirror.verify(carried, sent(carried)) == [f"damaged: {path.relative_to(carried)}"]


def test_lost_and_added_files_are_found(carried: Path) -> None:
    (carried / "files/dl.example/tool").rename(carried / "files/dl.example/other")
    assert mirror.verify(carried, sent(carried)) == ["missing: files/dl.example/tool", "not in the manifest: files/dl.example/other"]


def test_a_mirror_whose_manifest_was_made_to_fit_is_refused(carried: Path) -> None:
    """Who can write to the medium can write its manifest too."""
    before = sent(carried)
    tool = carried / "files/dl.example/tool"
    was = sha256_of(tool)
    tool.write_text("#!/bin/sh\necho mine\n")
    manifest = carried / mirror.MANIFEST
    manifest.write_text(manifest.read_text().replace(was, sha256_of(tool)))
    with pytest.raises(ArtifactError, match=f"wanted {before}: this is not the mirror that was sent"):
        mirror.verify(carried, before)


def test_a_mirror_of_built_files_says_so() -> None:
    file = File("tool", "tool", "1.0", "amd64", "dl.example/tool", "a" * 64)
    images = [replace(Catalogue.load().image("coredns"), digest="")]
    lock = {"files": {file.path: "a" * 64}, "images": {images[0].reference: "sha256:t"}}
    assert mirror._source([file], images, lock) == "mirror"
    lock["files"][file.path] = "b" * 64
    assert mirror._source([file], images, lock) == "built"


def test_directory_without_manifest_is_no_mirror(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="is no mirror"):
        mirror.verify(tmp_path, "0" * 64)


def test_incomplete_store_is_named_before_anything_is_written(tmp_path: Path) -> None:
    catalogue = Catalogue.load()
    target = tmp_path / "mirror"
    with pytest.raises(ArtifactError, match="the store lacks") as refused:
        mirror.create(catalogue, Store(tmp_path / "store"), target, arches=["amd64"])
    assert catalogue.file("kubelet", "amd64").path in str(refused.value)
    assert catalogue.image("coredns").reference in str(refused.value)
    assert not target.exists()


def test_archives_have_the_layout_asked_for_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    root = tmp_path / "out"
    (root / "share" / "chart" / "templates").mkdir(parents=True)
    (root / "tool").write_text("#!/bin/sh\n")
    (root / "tool").chmod(0o755)
    (root / "share" / "chart" / "templates" / "a.yaml").write_text("a: 1\n")
    members = {"tool-{version}/": "*", "chart/": "share/chart", "./bin/tool": "tool"}
    first, second = (packing.pack(root, members, tmp_path / name, {"version": "1.0"}).read_bytes() for name in ("one.tgz", "two.tgz"))
    assert first == second
    with tarfile.open(tmp_path / "one.tgz") as archive:
        found = {info.name: info.mode for info in archive}
    assert found == {"./bin/tool": 0o755, "chart/templates/a.yaml": 0o644, "tool-1.0/tool": 0o755}


def test_packing_what_was_not_built_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="nothing was not built"):
        packing.pack(tmp_path, {"bin/nothing": "nothing"}, tmp_path / "x.tgz", {})
