"""A mirror to carry to an offline site: one directory with files, registry storage and a manifest of checksums."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from artifacts import oci, upstream
from artifacts.catalogue import Catalogue, File, Image
from artifacts.recipes import upstream_only
from artifacts.registry import Registry
from artifacts.store import ArtifactError, Store, sha256_of, write_atomically

MANIFEST = "SHA256SUMS"


@dataclass(frozen=True)
class Mirror:
    """What was made: how many files, the SHA-256 of their manifest, and the ``artifacts_source`` of a site that takes it.

    ``without`` names the images that the store does not have because they can only be fetched.
    """

    files: int
    sha256: str
    source: str
    without: list[str]


def create(catalogue: Catalogue, store: Store, target: Path, *, arches: Iterable[str]) -> Mirror:
    """Copy all of the catalogue from the store into ``target`` and write its manifest.

    What an earlier run copied stays. Raises ArtifactError naming what the store lacks; then nothing is written.
    """
    files = [file for arch in arches for file in catalogue.files(arch)]
    lock = store.lock()
    without = [catalogue.image(name).reference for name in upstream_only()]
    without = [reference for reference in without if reference not in lock["images"]]
    images = [image for image in catalogue.images() if image.reference not in without]
    missing = [file.path for file in files if not (store.files / file.path).exists()]
    missing += [image.reference for image in images if image.reference not in lock["images"]]
    if missing:
        listing = "\n  ".join(sorted(set(missing)))
        raise ArtifactError(f"the store lacks (run `artifacts fetch` or `artifacts build` first):\n  {listing}")

    mirror = Store(target)
    with store.exclusive(), mirror.exclusive():
        for path in {file.path for file in files}:
            mirror.add_file(store.files / path, path, link=False)
        with upstream.client() as http, Registry.serve(store) as source, Registry.serve(mirror) as destination:
            for image in images:
                ends = [
                    oci.Repository(http, image.repository, base=f"http://{end.address}/v2/{image.repository}")
                    for end in (source, destination)
                ]
                oci.copy(*ends, image.tag, lock["images"][image.reference])
                mirror.record(images={image.reference: lock["images"][image.reference]})
        for scratch in (store.work, mirror.work, mirror.tools, mirror.logs):
            shutil.rmtree(scratch, ignore_errors=True)
        sums = {path: sha256_of(target / path) for path in _content(target)}
        write_atomically(target / MANIFEST, "".join(f"{sums[path]}  {path}\n" for path in sorted(sums)))
    return Mirror(len(sums), sha256_of(target / MANIFEST), _source(files, images, mirror.lock()), without)


def _source(files: Iterable[File], images: Iterable[Image], lock: Mapping[str, Mapping[str, str]]) -> str:
    """``mirror`` where all that the catalogue pins is as it says; ``built`` where the store made some of it anew."""
    pinned = [(lock["files"][file.path], file.sha256) for file in files if file.sha256]
    pinned += [(lock["images"][image.reference], image.digest) for image in images if image.digest]
    return "mirror" if all(found == known for found, known in pinned) else "built"


def verify(target: Path, sha256: str) -> list[str]:
    """Compare a mirror with its manifest; gives a line for each file that is damaged, missing or not listed.

    Raises ArtifactError when there is no manifest, or it is not the one with this SHA-256.
    """
    manifest = target / MANIFEST
    if not manifest.exists():
        raise ArtifactError(f"{manifest} is missing: {target} is no mirror, or the copy is not complete")
    if (found := sha256_of(manifest)) != sha256:
        raise ArtifactError(f"{manifest} has SHA-256 {found}, wanted {sha256}: this is not the mirror that was sent; do not serve it")
    listed = {path: checksum for checksum, path in (line.split("  ", 1) for line in manifest.read_text().splitlines())}
    present = set(_content(target))
    findings = [f"not in the manifest: {path}" for path in present - listed.keys()]
    for path, checksum in listed.items():
        if path not in present:
            findings.append(f"missing: {path}")
        elif sha256_of(target / path) != checksum:
            findings.append(f"damaged: {path}")
    return sorted(findings)


def _content(target: Path) -> list[str]:
    """All files of a mirror but the manifest itself and hidden ones at the top."""
    paths = (path.relative_to(target) for path in target.rglob("*") if path.is_file())
    return [str(path) for path in paths if str(path) != MANIFEST and not path.parts[0].startswith(".")]
