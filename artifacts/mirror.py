"""A mirror to carry to an offline site: one directory with files, registry storage and a manifest of checksums."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from artifacts import oci, upstream
from artifacts.catalogue import Catalogue
from artifacts.registry import Registry
from artifacts.store import ArtifactError, Store, sha256_of, write_atomically

MANIFEST = "SHA256SUMS"


def create(catalogue: Catalogue, store: Store, target: Path, *, arches: Iterable[str]) -> int:
    """Copy all of the catalogue from the store into ``target`` and write its manifest; gives the number of files listed.

    What an earlier run copied stays. Raises ArtifactError naming what the store lacks; then nothing is written.
    """
    files = [file for arch in arches for file in catalogue.files(arch)]
    images = catalogue.images()
    lock = store.lock()
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
                mirror.record(images={image.reference: oci.copy(*ends, image.tag)})
        for scratch in (store.work, mirror.work, mirror.tools, mirror.logs):
            shutil.rmtree(scratch, ignore_errors=True)
        sums = {path: sha256_of(target / path) for path in _content(target)}
        write_atomically(target / MANIFEST, "".join(f"{sums[path]}  {path}\n" for path in sorted(sums)))
    return len(sums)


def verify(target: Path) -> list[str]:
    """Compare a mirror with its manifest; gives a line for each file that is damaged, missing or not listed.

    Raises ArtifactError when there is no manifest.
    """
    manifest = target / MANIFEST
    if not manifest.exists():
        raise ArtifactError(f"{manifest} is missing: {target} is no mirror, or the copy is not complete")
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
