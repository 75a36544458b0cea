"""Writing checksums and digests into the catalogue."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import httpx
import pytest

from artifacts import pinning
from artifacts.catalogue import FOLDER, TABLES, Catalogue
from artifacts.store import ArtifactError

CATALOGUE = {
    "versions": """\
---
# The catalogue of a test.

artifacts_source: upstream   # upstream | mirror | built

artifacts_versions:
  runc: "1.4.3"
  pause: "3.10"   # a version that YAML would take for a number
  own: "1.0"
""",
    "files": """\
---
# files
artifacts_files:
  runc:
    component: runc
    path: "github.com/opencontainers/runc/releases/download/v{version}/runc.{arch}"
    sha256:
      "1.4.3":
        amd64: "0000000000000000000000000000000000000000000000000000000000000000"
        arm64: "1111111111111111111111111111111111111111111111111111111111111111"
  chart:
    component: pause
    path: "charts.example/pause-{version}.tgz"
""",
    "images": """\
---
artifacts_images:
  pause:
    component: pause
    repository: registry.example/pause
    tag: "{version}"
    digest: {}
  own:
    component: own
    repository: ghcr.io/voicehelper/own
    tag: "{version}"
    digest: {}
    build: images/own
""",
}
CONTENT = b"a release"
SUM = hashlib.sha256(CONTENT).hexdigest()
INDEX = json.dumps({"manifests": [{"digest": "sha256:" + "d" * 64}]}).encode()
DIGEST = f"sha256:{hashlib.sha256(INDEX).hexdigest()}"


def upstream(request: httpx.Request) -> httpx.Response:
    """An upstream: sums published for runc, only the file itself for the chart, a registry that wants a token."""
    url = str(request.url)
    if url.endswith("v1.4.3/runc.amd64.sha256sum"):
        return httpx.Response(200, text=f"{'b' * 64}  runc.arm64\n{'a' * 64} *runc.amd64\n")
    if url.endswith("v1.5.0/SHA256SUMS"):
        return httpx.Response(200, text=f"{'a' * 64}  runc.amd64\n{'b' * 64}  runc.arm64\n")
    if url == "https://charts.example/pause-3.11.tgz":
        return httpx.Response(200, content=CONTENT)
    if url.startswith("https://auth.example/token"):
        assert dict(request.url.params) == {"service": "registry.example", "scope": "repository:pause:pull"}
        return httpx.Response(200, json={"token": "anonymous"})
    if url == "https://charts.example/pause-3.12.tgz":
        return httpx.Response(200, content=CONTENT)
    if url == "https://registry.example/v2/pause/manifests/3.12":
        return httpx.Response(200, json={"manifests": []}, headers={"Content-Type": "application/vnd.oci.image.index.v1+json"})
    if url == "https://registry.example/v2/pause/manifests/3.11":
        if request.headers.get("Authorization") != "Bearer anonymous":
            challenge = 'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:pause:pull"'
            return httpx.Response(401, headers={"WWW-Authenticate": challenge})
        return httpx.Response(200, content=INDEX, headers={"Content-Type": "application/vnd.oci.image.index.v1+json"})
    return httpx.Response(404)


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    return written(tmp_path, CATALOGUE)


def written(folder: Path, tables: dict[str, str]) -> Path:
    for table, text in tables.items():
        (folder / TABLES[table]).write_text(text)
    return folder


def tables(folder: Path) -> dict[str, str]:
    return {table: (folder / name).read_text() for table, name in TABLES.items()}


def lock(catalogue: Path, component: str, version: str, *, choose: bool = False) -> list[str]:
    with httpx.Client(transport=httpx.MockTransport(upstream)) as http:
        return pinning.lock(http, catalogue, component, version, choose=choose, scratch=catalogue / "scratch")


def test_sums_of_a_new_version_stand_beside_the_old(catalogue: Path) -> None:
    assert len(lock(catalogue, "runc", "1.5.0")) == 2
    loaded = Catalogue.load(catalogue)
    sums = loaded.file_table["runc"]["sha256"]
    assert sums["1.5.0"] == {"amd64": "a" * 64, "arm64": "b" * 64}
    assert sums["1.4.3"]["arm64"] == "1" * 64
    assert loaded.versions["runc"] == "1.4.3", "only chosen when asked"


def test_chosen_version_resolves(catalogue: Path) -> None:
    lock(catalogue, "runc", "1.5.0", choose=True)
    file = Catalogue.load(catalogue).file("runc", "arm64")
    assert (file.version, file.sha256) == ("1.5.0", "b" * 64)


def test_a_version_that_stands_with_its_image_counts_until_another_is_chosen(catalogue: Path) -> None:
    table = catalogue / TABLES["images"]
    table.write_text(table.read_text() + '  new: {component: new, version: "1.0", repository: registry.example/pause, tag: "{version}"}\n')
    assert Catalogue.load(catalogue).image("new").reference == "registry.example/pause:1.0"
    lock(catalogue, "new", "3.11")
    assert Catalogue.load(catalogue).version("new") == "1.0"
    lock(catalogue, "new", "3.11", choose=True)
    chosen = Catalogue.load(catalogue).image("new")
    assert (chosen.version, chosen.digest) == ("3.11", DIGEST)


def test_a_component_with_two_versions_has_none(catalogue: Path) -> None:
    table = catalogue / TABLES["images"]
    entries = ('  new: {component: new, version: "1.0"}\n', '  newer: {component: new, version: "1.1"}\n')
    table.write_text(table.read_text() + "".join(entries))
    with pytest.raises(ArtifactError, match="'new' has no version"):
        Catalogue.load(catalogue).version("new")


def test_file_without_published_sum_is_downloaded_and_image_resolved(catalogue: Path) -> None:
    lock(catalogue, "pause", "3.11", choose=True)
    loaded = Catalogue.load(catalogue)
    assert loaded.file("chart", "amd64").sha256 == SUM
    assert loaded.image("pause").digest == DIGEST


def test_rest_of_the_file_stays_as_it_was(catalogue: Path) -> None:
    lock(catalogue, "runc", "1.5.0")
    only_files_grew(CATALOGUE, catalogue)


def only_files_grew(before: dict[str, str], folder: Path) -> None:
    """A version and its two sums came to the files; nothing else is other than it was."""
    after = tables(folder)
    assert {table for table in TABLES if after[table] != before[table]} == {"files"}
    old, new = before["files"].splitlines(), after["files"].splitlines()
    assert [line for line in old if line not in new] == []
    assert len(new) == len(old) + 3


def test_nothing_is_written_when_upstream_lacks_the_version(catalogue: Path) -> None:
    with pytest.raises(ArtifactError, match=r"runc\.amd64.*404"):
        lock(catalogue, "runc", "9.9.9")
    assert tables(catalogue) == CATALOGUE


def test_an_image_that_upstream_is_building_anew_is_refused(catalogue: Path) -> None:
    """Docker's official images show an empty index meanwhile; its digest never gives an image."""
    with pytest.raises(ArtifactError, match=r"registry\.example/pause:3\.12 has no platform upstream"):
        lock(catalogue, "pause", "3.12")
    assert tables(catalogue) == CATALOGUE


def test_unknown_component_and_own_image_are_refused(catalogue: Path) -> None:
    with pytest.raises(ArtifactError, match=r"'nope'.*known: runc, pause, own"):
        lock(catalogue, "nope", "1")
    with pytest.raises(ArtifactError, match="nothing to lock"):
        lock(catalogue, "own", "2.0")


def test_round_trip_of_the_real_catalogue_changes_nothing_else(tmp_path: Path) -> None:
    real = tables(FOLDER)
    folder = written(tmp_path, real)

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text="c" * 64) if str(request.url).endswith(".sha256") else httpx.Response(404)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        pinning.lock(http, folder, "helm", "9.9.9", choose=False, scratch=tmp_path)
    only_files_grew(real, folder)
