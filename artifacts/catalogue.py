"""The catalogue: every file and image the project uses, its version, where it stands upstream and its checksum."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from artifacts.store import REPOSITORY, ArtifactError

FOLDER = REPOSITORY / "group_vars" / "all"
TABLES = {"versions": "artifacts.yml", "files": "artifacts_files.yml", "images": "artifacts_images.yml"}  # files of the folder


@dataclass(frozen=True)
class File:
    """One file for one architecture. ``sha256`` is empty where the catalogue knows none."""

    name: str
    component: str
    version: str
    arch: str
    path: str
    sha256: str


@dataclass(frozen=True)
class Image:
    """One container image. ``digest`` (``sha256:…``) is empty where the catalogue knows none.

    ``build`` is the folder of an image that this project makes itself; empty for one that upstream publishes. ``systems``
    are those that run it; empty for an image that every site runs.
    """

    name: str
    component: str
    version: str
    repository: str
    tag: str
    digest: str
    build: str
    systems: tuple[str, ...]

    @property
    def reference(self) -> str:
        """Upstream name with tag, the key of the store's lock file."""
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True)
class Catalogue:
    """The catalogue's three tables, as in ``group_vars/all`` or as a site overrides them."""

    versions: Mapping[str, str]
    file_table: Mapping[str, Mapping[str, Any]]
    image_table: Mapping[str, Mapping[str, Any]]

    @classmethod
    def load(cls, folder: Path = FOLDER) -> Catalogue:
        """Read the catalogue that all sites share."""
        return cls.from_variables(
            {key: table for name in TABLES.values() for key, table in yaml.safe_load((folder / name).read_text()).items()}
        )

    @classmethod
    def from_variables(cls, variables: Mapping[str, Any]) -> Catalogue:
        """Make it from Ansible variables (``artifacts_versions``, ``artifacts_files``, ``artifacts_images``)."""
        return cls(*(variables[f"artifacts_{table}"] for table in TABLES))

    def version(self, component: str) -> str:
        """The chosen version, else the one that stands with its files and images. Raises ArtifactError for a component that has none."""
        if component in self.versions:
            return str(self.versions[component])
        known = {str(entry["version"]) for entry in self._entries(component) if "version" in entry}
        if len(known) != 1:
            raise ArtifactError(f"component {component!r} has no version in artifacts_versions")
        return known.pop()

    def file(self, name: str, arch: str) -> File:
        """The named file for ``arch``. Raises ArtifactError for an unknown name."""
        entry = _entry(self.file_table, name, "artifacts_files")
        version = self.version(entry["component"])
        checksum = (entry.get("sha256") or {}).get(version, "")
        if isinstance(checksum, Mapping):
            checksum = checksum.get(arch, "")
        path = entry["path"].format(version=version, arch=arch)
        return File(name, entry["component"], version, arch, path, checksum)

    def image(self, name: str) -> Image:
        """The named image. Raises ArtifactError for an unknown name."""
        entry = _entry(self.image_table, name, "artifacts_images")
        version = self.version(entry["component"])
        tag = entry["tag"].format(version=version)
        digest = (entry.get("digest") or {}).get(tag, "")
        systems = tuple(entry.get("systems", ()))
        return Image(name, entry["component"], version, entry["repository"], tag, digest, entry.get("build", ""), systems)

    def _entries(self, component: str) -> list[Mapping[str, Any]]:
        return [entry for table in (self.file_table, self.image_table) for entry in table.values() if entry["component"] == component]

    def files(self, arch: str) -> list[File]:
        return [self.file(name, arch) for name in self.file_table]

    def images(self, systems: Collection[str] | None = None) -> list[Image]:
        """The images that a site with these systems runs; all images where none are said.

        Raises ArtifactError for a system that has no image.
        """
        images = [self.image(name) for name in self.image_table]
        if systems is None:
            return images
        known = {system for image in images for system in image.systems}
        if unknown := set(systems) - known:
            raise ArtifactError(f"no image is of system {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
        return [image for image in images if not image.systems or set(image.systems) & set(systems)]


def _entry(table: Mapping[str, Mapping[str, Any]], name: str, title: str) -> Mapping[str, Any]:
    if name not in table:
        raise ArtifactError(f"{name!r} is not in {title}; known: {', '.join(sorted(table))}")
    return table[name]
