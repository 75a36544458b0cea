"""Where a site takes an artifact from, and the checksum or digest that it must have there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artifacts.catalogue import Catalogue
from artifacts.store import ArtifactError, Store

SOURCES = ("upstream", "mirror", "built")


@dataclass(frozen=True)
class Source:
    """A site's choice: ``artifacts_source`` with its addresses, and the lock file of a built store."""

    catalogue: Catalogue
    kind: str
    base_url: str = ""
    lock_file: str = ""

    def __post_init__(self) -> None:
        if self.kind not in SOURCES:
            raise ArtifactError(f"artifacts_source is {self.kind!r}; it can be {', '.join(SOURCES)}")
        if self.kind != "upstream" and not self.base_url:
            raise ArtifactError(f"artifacts_source is {self.kind!r}, but artifacts_base_url does not say where the files are")

    def file(self, name: str, arch: str) -> dict[str, str]:
        """``{url, sha256, version, path}`` of a file.

        Raises ArtifactError for an unknown name, and where no checksum is known: nothing is installed unchecked.
        """
        file = self.catalogue.file(name, arch)
        checksum = self._pinned("files", file.path, file.sha256)
        if not checksum:
            verb = "build {0}" if self.kind == "built" else "lock {0} {1}"
            remedy = f"artifacts {verb.format(file.component, file.version)}"
            raise ArtifactError(f"no checksum is known for {name} {file.version} ({arch}); run: {remedy}")
        base = self.base_url.rstrip("/") if self.kind != "upstream" else "https:/"
        return {"url": f"{base}/{file.path}", "sha256": checksum, "version": file.version, "path": file.path}

    def image(self, name: str) -> str:
        """The upstream name of an image, with its digest.

        Raises ArtifactError for an unknown name, and where no digest is known: nothing runs unchecked.
        """
        image = self.catalogue.image(name)
        digest = self._pinned("images", image.reference, image.digest)
        if digest:
            return f"{image.reference}@{digest}"
        if self.kind == "built":
            raise ArtifactError(f"image {name} {image.version} is not in the store; run: artifacts build {name}")
        if image.build:
            raise ArtifactError(
                f"image {name} {image.version} is made by this project and published nowhere; "
                "take artifacts_source: mirror, whose artifacts_lock_file has its digest"
            )
        raise ArtifactError(f"no digest is known for image {image.reference}; run: artifacts lock {image.component} {image.version}")

    def _pinned(self, table: str, key: str, known: str) -> str:
        """The sum that counts. What git knows is never replaced by what came along with a mirror; a built store has sums of its own.

        Raises ArtifactError where the lock file is missing, or says something else than the catalogue.
        """
        if self.kind == "upstream":
            return known
        found = self._lock()[table].get(key, "")
        if self.kind == "built":
            return found
        if known and found and found != known:
            raise ArtifactError(
                f"{key}: {self.lock_file} says {found}, the catalogue {known}. Either the mirror was changed on its way "
                "(artifacts mirror-verify), or it was built from package registries: then take artifacts_source: built"
            )
        return known or found

    def _lock(self) -> Mapping[str, Mapping[str, str]]:
        """The lock file of the store or mirror; a mirror of nothing but what the catalogue pins needs none."""
        if self.kind == "mirror" and not self.lock_file:
            return {"files": {}, "images": {}}
        path = Path(self.lock_file) if self.lock_file else Store.default().lock_path
        if not path.exists():
            remedy = "copy the mirror's lock.json there" if self.lock_file else "run: artifacts prepare"
            raise ArtifactError(f"artifacts_source is {self.kind!r}, but {path} is missing; {remedy}")
        return _read(path, path.stat().st_mtime_ns)


def source_from_variables(variables: Mapping[str, Any], template: Callable[[Any], Any]) -> Source:
    """A site's source from its Ansible variables. The catalogue is plain data; the addresses may be templates."""
    kind, base_url, lock_file = (template(variables.get(f"artifacts_{key}", "")) for key in ("source", "base_url", "lock_file"))
    return Source(Catalogue.from_variables(variables), kind, base_url, lock_file)


_cache: dict[tuple[Path, int], Mapping[str, Any]] = {}


def _read(path: Path, modified: int) -> Mapping[str, Any]:
    """A lock file, read once as long as it does not change."""
    if (path, modified) not in _cache:
        _cache[path, modified] = json.loads(path.read_text())
    return _cache[path, modified]
