"""Archives in the layout that upstream ships, the same bytes from the same content."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from artifacts.store import ArtifactError


def pack(root: Path, members: Mapping[str, str], target: Path, words: Mapping[str, str]) -> Path:
    """Write a reproducible ``tar.gz``.

    ``members`` maps the member's path to a file or folder below ``root``. A member that ends in ``/`` takes every
    binary (``"*"``) or every named path below it. ``words`` fill the ``{…}`` in member names. Gives ``target``.
    """
    with (
        target.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0, compresslevel=6) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for name, path in sorted(_expand(root, members, words)):
            info = archive.gettarinfo(path, arcname=name)
            info.name = name  # gettarinfo drops a leading ./ that upstream may have
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = "root"
            info.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            with path.open("rb") as stream:
                archive.addfile(info, stream)
    return target


def _expand(root: Path, members: Mapping[str, str], words: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    for template, source in members.items():
        name = template.format(**words)
        if source == "*":
            yield from ((name + path.name, path) for path in root.iterdir() if path.is_file())
        elif (root / source).is_dir():
            files = (path for path in (root / source).rglob("*") if path.is_file())
            yield from ((f"{name}{path.relative_to(root / source)}", path) for path in files)
        elif (root / source).is_file():
            yield name, root / source
        else:
            raise ArtifactError(f"{source} was not built, so it cannot be packed as {name}")
