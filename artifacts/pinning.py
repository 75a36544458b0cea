"""Writing a version's checksums and digests into the catalogue, on a machine that reaches upstream."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString as Quoted

from artifacts import oci, upstream
from artifacts.catalogue import TABLES, Catalogue, File
from artifacts.store import ARCHITECTURES, ArtifactError, write_atomically

HEX = re.compile(r"^[0-9a-f]{64}$")


def lock(http: httpx.Client, folder: Path, component: str, version: str, *, choose: bool, scratch: Path) -> list[str]:
    """Resolve everything of ``component`` at ``version`` upstream and write it into the catalogue's files in ``folder``.

    Comments and format of the files stay. With ``choose`` the version becomes the one that sites use. Gives a line for
    each thing pinned. Raises ArtifactError, and leaves the files as they were, where upstream lacks any of them.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.explicit_start = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    documents = {table: yaml.load((folder / name).read_text()) for table, name in TABLES.items()}
    versions, files, images = (documents[table][f"artifacts_{table}"] for table in TABLES)
    known = [*versions, *(entry["component"] for table in (files, images) for entry in table.values())]
    if component not in known:
        raise ArtifactError(f"component {component!r} is not in the catalogue; known: {', '.join(dict.fromkeys(known))}")
    wanted = Catalogue({**versions, component: version}, files, images)

    pinned: list[str] = []
    for name, entry in files.items():
        if entry["component"] == component:
            _mapping(entry, "sha256")[Quoted(version)] = _file_sums(http, wanted, name, entry, scratch, pinned)
    for name, entry in images.items():
        if entry["component"] == component and not entry.get("build"):
            image = wanted.image(name)
            manifest = oci.Repository(http, image.repository).manifest(image.tag)
            if manifest.document.get("manifests") == []:
                raise ArtifactError(f"{image.reference} has no platform upstream: it is being built anew there; try again later")
            _mapping(entry, "digest")[Quoted(image.tag)] = manifest.digest
            pinned.append(f"{image.reference} {manifest.digest}")
    if not pinned:
        raise ArtifactError(f"{component} has no file and no image that upstream publishes: nothing to lock")
    if choose:
        versions[component] = Quoted(version)

    for table in reversed(TABLES):  # a version is chosen when its sums are there
        text = io.StringIO()
        yaml.dump(documents[table], text)
        write_atomically(folder / TABLES[table], text.getvalue())
    return pinned


def published_sum(http: httpx.Client, file: File) -> str:
    """The SHA-256 that upstream publishes beside a file, or an empty string where it publishes none."""
    folder, _, name = file.path.rpartition("/")
    for url in (f"{file.path}.sha256", f"{file.path}.sha256sum", f"{folder}/SHA256SUMS", f"{folder}/checksums.txt"):
        answer = http.get(f"https://{url}")
        if answer.is_success:
            for line in answer.text.splitlines():
                words = line.replace("*", " ").split()
                if words and HEX.match(words[0]) and (len(words) == 1 or words[1].rpartition("/")[2] == name):
                    return words[0]
    return ""


def _file_sums(
    http: httpx.Client, wanted: Catalogue, name: str, entry: Mapping[str, Any], scratch: Path, pinned: list[str]
) -> CommentedMap | str:
    """Checksums of one file: by architecture, or one where its path names none."""
    sums = CommentedMap()
    per_architecture = "{arch}" in entry["path"]
    for arch in ARCHITECTURES.values() if per_architecture else ("",):
        file = wanted.file(name, arch)
        found = published_sum(http, file)
        if not found:
            target = scratch / "download"
            try:
                found = upstream.download(http, f"https://{file.path}", target)
            finally:
                target.unlink(missing_ok=True)
        sums[arch] = found
        pinned.append(f"{file.path} {found}")
    return sums if per_architecture else sums[""]


def _mapping(entry: CommentedMap, key: str) -> CommentedMap:
    """``entry[key]`` as a block mapping; an empty ``{}`` becomes one."""
    if not entry.get(key):
        entry[key] = CommentedMap()
    return entry[key]
