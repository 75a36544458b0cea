"""The artifact catalogue: files and images with version, upstream place and what pins them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from artifacts.catalogue import Catalogue
from docs.generate.markdown import page, table

ARCH = "amd64"  # paths are shown for this one
PLAN = "group_vars/all/artifacts*.yml"


def pages(repository: Path) -> dict[Path, str]:
    """docs/reference/artifacts.md"""
    catalogue = Catalogue.load(repository / "group_vars/all")
    blocks = [
        "The versions that every site takes, unless its inventory says otherwise. `artifacts show` prints this table with what the store "
        "of the machine holds; `artifacts lock COMPONENT VERSION` adds a version.",
        "## Files",
        "Checked by SHA-256 on every node. *Not yet* means that upstream's sum is not in the catalogue: the inventory check refuses the "
        "file until `artifacts lock` has been run, or the site's mirror has a sum of its own.",
        table(("Name", "Component", "Version", "Further versions", "Upstream path", "Pinned"), _files(catalogue)),
        "## Images",
        "Manifests name the image upstream, by digest; containerd is told where it is mirrored. *Not yet* means that upstream's digest is "
        "not in the catalogue: the inventory check refuses the image until `artifacts lock` has been run, or the site's mirror has one of "
        "its own. Nobody can own the names of images that are made here, so nobody else is ever asked for them.",
        table(("Name", "Component", "Version", "Image", "Pinned"), _images(catalogue)),
    ]
    return {Path("docs/reference/artifacts.md"): page("Artifacts", *blocks, source=PLAN)}


def _files(catalogue: Catalogue) -> Iterator[tuple[str, ...]]:
    for file in sorted(catalogue.files(ARCH), key=lambda file: file.name):
        entry = catalogue.file_table[file.name]
        others = ", ".join(version for version in entry.get("sha256", {}) if version != file.version)
        yield file.name, entry["component"], file.version, others, f"`{file.path}`", "SHA-256" if file.sha256 else "not yet"


def _images(catalogue: Catalogue) -> Iterator[tuple[str, ...]]:
    for image in sorted(catalogue.images(), key=lambda image: image.name):
        pinned = f"made here, [{image.build}](../../{image.build})" if image.build else "digest" if image.digest else "not yet"
        yield image.name, image.component, image.version, f"`{image.reference}`", pinned
