"""Fetching from upstream: nothing enters the store that is not what the catalogue says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import httpx
import pytest

from artifacts import oci, upstream
from artifacts.catalogue import File
from artifacts.store import ArtifactError, Store, host_arch, sha256_of

CONTENT = b"binary"
SUM = hashlib.sha256(CONTENT).hexdigest()
PATH = "dl.example/v1.0/tool"


def file(checksum: str) -> File:
    return File("tool", "tool", "1.0", "amd64", PATH, checksum)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def http() -> httpx.Client:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url == f"https://{PATH}"
        return httpx.Response(200, content=CONTENT)

    return httpx.Client(transport=httpx.MockTransport(answer))


def test_file_lands_at_its_upstream_path(http: httpx.Client, store: Store) -> None:
    assert upstream.fetch_file(http, file(SUM), store)
    assert (store.files / PATH).read_bytes() == CONTENT
    assert store.lock()["files"] == {PATH: SUM}
    assert not upstream.fetch_file(http, file(SUM), store), "the second time there is nothing to do"


def test_wrong_checksum_is_refused(http: httpx.Client, store: Store) -> None:
    with pytest.raises(ArtifactError, match=f"tool 1.0 .*has SHA-256 {SUM}, the catalogue says {'0' * 64}"):
        upstream.fetch_file(http, file("0" * 64), store)
    assert not store.files.exists()
    assert store.lock()["files"] == {}
    assert [path for path in store.work.rglob("*") if path.is_file()] == []


def test_unpinned_file_is_refused(http: httpx.Client, store: Store) -> None:
    with pytest.raises(ArtifactError, match=r"no checksum.*run: artifacts lock tool 1\.0"):
        upstream.fetch_file(http, file(""), store)
    assert store.lock()["files"] == {}


def test_refusing_server_is_named(store: Store) -> None:
    with (
        httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(403))) as http,
        pytest.raises(ArtifactError, match=r"https://dl\.example/v1\.0/tool: answered 403"),
    ):
        upstream.fetch_file(http, file(SUM), store)


class MemoryRegistry:
    """Two repositories, ``source`` and ``target``, of a registry in memory."""

    def __init__(self) -> None:
        self.blobs: dict[str, dict[str, bytes]] = {"source": {}, "target": {}}
        self.manifests: dict[str, dict[str, tuple[str, bytes]]] = {"source": {}, "target": {}}
        self.uploads: list[str] = []

    def add(self, content: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs["source"][digest] = content
        return {"digest": digest, "size": len(content)}

    def add_manifest(self, media_type: str, document: dict[str, object], tag: str = "") -> str:
        content = json.dumps(document).encode()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.manifests["source"][digest] = self.manifests["source"][tag or digest] = (media_type, content)
        return digest

    def __call__(self, request: httpx.Request) -> httpx.Response:
        _, _, repository, table, *rest = request.url.path.split("/")
        key = rest[-1]
        if table == "manifests" and request.method == "PUT":
            self.manifests[repository][key] = (request.headers["Content-Type"], request.read())
            return httpx.Response(201)
        if table == "manifests" and key in self.manifests[repository]:
            media_type, content = self.manifests[repository][key]
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            return httpx.Response(200, content=content, headers={"Content-Type": media_type, "Docker-Content-Digest": digest})
        if request.method == "POST":
            return httpx.Response(202, headers={"Location": f"/v2/{repository}/blobs/uploads/1?state=x"})
        if request.method == "PUT":
            assert request.url.params["state"] == "x"
            self.blobs[repository][request.url.params["digest"]] = request.read()
            self.uploads.append(request.url.params["digest"])
            return httpx.Response(201)
        found = self.blobs[repository].get(key)
        return httpx.Response(404) if found is None else httpx.Response(200, content=found)


def test_copy_keeps_the_digest_of_a_multi_platform_image_and_shares_layers() -> None:
    registry = MemoryRegistry()
    shared = registry.add(b"layer")
    children = []
    for arch in ("amd64", "arm64"):
        document = {"config": registry.add(arch.encode()), "layers": [shared]}
        children.append({"digest": registry.add_manifest("application/vnd.oci.image.manifest.v1+json", document)})
    digest = registry.add_manifest("application/vnd.oci.image.index.v1+json", {"manifests": children}, tag="1.0")

    with httpx.Client(transport=httpx.MockTransport(registry)) as http:
        ends = [oci.Repository(http, name, base=f"http://registry/v2/{name}") for name in ("source", "target")]
        registry.add_manifest("application/vnd.oci.image.index.v1+json", {"manifests": [], "moved": True}, tag="1.0")
        oci.copy(*ends, "1.0", digest)
        assert ends[1].manifest("1.0").digest == digest, "the tag had been moved meanwhile"
    assert registry.blobs["target"] == registry.blobs["source"]
    assert len(registry.uploads) == 3, "the shared layer went over once"


def test_a_registry_that_gives_something_else_under_a_digest_is_refused() -> None:
    """Its header says what was asked for; the content decides."""
    wanted = f"sha256:{'a' * 64}"
    headers = {"Content-Type": "application/vnd.oci.image.index.v1+json", "Docker-Content-Digest": wanted}
    answer = httpx.Response(200, json={"manifests": []}, headers=headers)
    with httpx.Client(transport=httpx.MockTransport(lambda _: answer)) as http:
        repository = oci.Repository(http, "quay.io/a/b")
        with pytest.raises(ArtifactError, match=f"quay.io/a/b@{wanted}: quay.io gave content of sha256:"):
            repository.manifest(wanted)
        assert repository.manifest("9").digest == f"sha256:{hashlib.sha256(answer.content).hexdigest()}"


def test_unknown_image_is_named() -> None:
    with (
        httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(404))) as http,
        pytest.raises(ArtifactError, match=r"manifest of quay\.io/a/b:9: quay\.io answered 404"),
    ):
        oci.Repository(http, "quay.io/a/b").manifest("9")


def test_lock_file_is_replaced_whole(store: Store) -> None:
    store.record(files={"a": "1"})
    before = store.lock_path.stat().st_ino
    store.record(images={"b": "2"})
    assert store.lock() == {"files": {"a": "1"}, "images": {"b": "2"}}
    assert store.lock_path.stat().st_ino != before
    assert [path.name for path in store.root.iterdir()] == ["lock.json"]


def test_second_writer_is_refused(store: Store) -> None:
    with store.exclusive(), pytest.raises(ArtifactError, match="another run"), Store(store.root).exclusive():
        pass


def test_checksum_of_this_file() -> None:
    assert sha256_of(Path(__file__)) == hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    assert host_arch() in ("amd64", "arm64")
