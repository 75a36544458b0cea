"""Upstream: whether it can be reached, and fetching from it into the store, never without a checksum."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import httpx

from artifacts import oci
from artifacts.catalogue import File, Image
from artifacts.registry import Registry
from artifacts.store import ArtifactError, Store

PROBE = "https://dl.k8s.io/release/stable.txt"


def client() -> httpx.Client:
    """An HTTP client that honours the proxy variables of the environment and follows redirects."""
    return httpx.Client(follow_redirects=True, timeout=httpx.Timeout(60, connect=10))


def reachable() -> bool:
    """Whether upstream answers, asked once and quickly."""
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(PROBE, timeout=4, follow_redirects=True).is_success
    return False


def download(http: httpx.Client, url: str, target: Path) -> str:
    """Download to ``target``; gives the SHA-256. Raises ArtifactError when the server refuses."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    try:
        with http.stream("GET", url) as answer, target.open("wb") as stream:
            if not answer.is_success:
                raise ArtifactError(f"{url}: answered {answer.status_code}")
            for chunk in answer.iter_bytes(1 << 20):
                digest.update(chunk)
                stream.write(chunk)
    except httpx.HTTPError as error:
        raise ArtifactError(f"{url}: {error}") from None
    return digest.hexdigest()


def fetch_file(http: httpx.Client, file: File, store: Store) -> bool:
    """Fetch a file into the store unless it is there; gives whether it was fetched.

    Raises ArtifactError where the content does not match the catalogue's checksum, and where the catalogue has none.
    """
    if not file.sha256:
        raise ArtifactError(
            f"{file.name} {file.version} ({file.arch}) has no checksum in the catalogue; "
            f"run: artifacts lock {file.component} {file.version}"
        )
    if store.lock()["files"].get(file.path) == file.sha256 and (store.files / file.path).exists():
        return False
    temporary = store.work / file.path.replace("/", "_")
    try:
        found = download(http, f"https://{file.path}", temporary)
        if found != file.sha256:
            raise ArtifactError(
                f"{file.name} {file.version} ({file.arch}): https://{file.path} has SHA-256 {found}, "
                f"the catalogue says {file.sha256}; nothing was stored"
            )
        store.add_file(temporary, file.path)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def fetch_image(http: httpx.Client, image: Image, store: Store, registry: Registry) -> bool:
    """Copy the image of the catalogue's digest into the store's registry unless it is there; gives whether it was copied.

    Raises ArtifactError where upstream does not have this digest, and where the catalogue has none.
    """
    if not image.digest:
        raise ArtifactError(
            f"image {image.reference} has no digest in the catalogue; run: artifacts lock {image.component} {image.version}"
        )
    if registry.digest(image.reference) == image.digest:
        return False
    target = oci.Repository(http, image.repository, base=f"http://{registry.address}/v2/{image.repository}")
    oci.copy(oci.Repository(http, image.repository), target, image.tag, image.digest)
    store.record(images={image.reference: image.digest})
    return True


def fetch(files: Iterable[File], images: Iterable[Image], store: Store, report: Callable[[str], None]) -> dict[str, str]:
    """Fetch these files and images; ``report`` gets a line for each thing fetched.

    Gives by name what went wrong. Raises ArtifactError when the store is busy.
    """
    failed: dict[str, str] = {}
    with store.exclusive(), client() as http, Registry.serve(store) as registry:
        tasks: list[tuple[str, Callable[[], bool]]] = [(file.path, partial(fetch_file, http, file, store)) for file in files]
        tasks += [(image.reference, partial(fetch_image, http, image, store, registry)) for image in images]
        for name, task in tasks:
            try:
                if task():
                    report(name)
            except (ArtifactError, httpx.HTTPError) as error:
                failed[name] = str(error)
    return failed
