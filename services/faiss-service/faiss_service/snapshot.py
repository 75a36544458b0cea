"""Snapshots: an index as a folder, written so that a crash leaves the one before; and as a tar file, for readers and backups."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import orjson

from .files import Damaged, sync
from .index import Index

_VECTORS, _ITEMS, _MANIFEST = "vectors.faiss", "items.jsonl", "manifest.json"
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot holds. lineage: of the index, another after a restore, which has the ones before as ancestors; digest: see `Index`,
    in hexadecimal; files: name → [bytes, SHA-256]."""

    lineage: str
    ancestors: list[str]
    sequence: int
    total_vectors: int
    dimension: int
    digest: str
    files: dict[str, list]

    @property
    def name(self) -> str:
        """Of the snapshot's folder."""
        return f"snapshot-{self.lineage}-{self.sequence:020d}"


def write(folder: Path, index: Index, lineage: str, ancestors: list[str], sequence: int) -> Manifest:
    """Write `index` below `folder`, whole and synced, or not at all. Raises OSError where it does not fit."""
    fresh = folder / "snapshot.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    try:
        index.save(fresh / _VECTORS, fresh / _ITEMS)
        files = {name: [(fresh / name).stat().st_size, _sha256(fresh / name)] for name in (_VECTORS, _ITEMS)}
        manifest = Manifest(lineage, ancestors, sequence, len(index), index.dimension, f"{index.digest:032x}", files)
        (fresh / _MANIFEST).write_bytes(orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2))
        place(folder, fresh, manifest)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)  # the log needs the room
        raise
    return manifest


def place(folder: Path, fresh: Path, manifest: Manifest) -> None:
    """Give a written snapshot its name, once it is on the disk."""
    for path in (*fresh.iterdir(), fresh):
        sync(path)
    target = folder / manifest.name
    shutil.rmtree(target, ignore_errors=True)  # of the same number: the same contents
    fresh.rename(target)
    sync(folder)


def read(folder: Path, dimension: int) -> tuple[Manifest, Index]:
    """The snapshot in `folder`, compared with its manifest.

    Raises:
        Damaged: it is not what was written.
    """
    try:
        manifest = Manifest(**orjson.loads((folder / _MANIFEST).read_bytes()))
        if set(manifest.files) != {_VECTORS, _ITEMS}:
            raise ValueError(f"the manifest names {', '.join(manifest.files) or 'no files'}")
        for name, (size, digest) in manifest.files.items():
            if (folder / name).stat().st_size != size or _sha256(folder / name) != digest:
                raise ValueError(f"{name} is not as its manifest says")
        index = Index.load(dimension, folder / _VECTORS, folder / _ITEMS)
        found = (len(index), f"{index.digest:032x}")
        if found != (manifest.total_vectors, manifest.digest):
            raise ValueError(
                f"found {found[0]} vectors of digest {found[1]}, the manifest says {manifest.total_vectors}, {manifest.digest}"
            )
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise Damaged(f"{folder.name}: {error}") from error
    return manifest, index


def pack(folder: Path) -> Iterator[bytes]:
    """The snapshot in `folder` as a tar file, in parts. Its files are open when this returns: it may be removed meanwhile."""
    files: list[tuple[str, IO[bytes]]] = [(name, (folder / name).open("rb")) for name in (_MANIFEST, _VECTORS, _ITEMS)]
    return _pack(files)


def _pack(files: list[tuple[str, IO[bytes]]]) -> Iterator[bytes]:
    try:
        for name, file in files:
            info = tarfile.TarInfo(name)
            info.size = size = Path(f"/proc/self/fd/{file.fileno()}").stat().st_size
            yield info.tobuf()
            while part := file.read(_CHUNK):
                yield part
            yield b"\0" * (-size % tarfile.BLOCKSIZE)
        yield b"\0" * 2 * tarfile.BLOCKSIZE
    finally:
        for _, file in files:
            file.close()


def unpack(archive: Path, folder: Path, dimension: int, most: int) -> tuple[Manifest, Index]:
    """Put a tar file that `pack` made into `folder`, which it makes, and read it; compared as `read` does.

    Args:
        archive: the tar file.
        folder: its caller removes it where this fails.
        dimension: of the vectors.
        most: bytes of a snapshot.

    Raises:
        Damaged: it is no such file, or not whole, or longer.
        OSError: it does not fit on the disk.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                # Of a sparse one some bytes here are terabytes there.
                if member.name not in {_MANIFEST, _VECTORS, _ITEMS} or not member.isfile() or member.issparse():
                    raise Damaged(f"the archive holds {member.name!r}, which no snapshot has")
                if not 0 <= member.size <= most:
                    raise Damaged(f"the archive holds {member.name!r} of {member.size} bytes, and there may be {most} yet")
                most -= member.size
                if member.size > shutil.disk_usage(folder).free:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), member.name)
                source = tar.extractfile(member)
                assert source is not None
                with (folder / member.name).open("wb") as target:
                    shutil.copyfileobj(source, target, _CHUNK)
    except tarfile.TarError as error:
        raise Damaged(f"no archive of a snapshot: {error}") from error
    return read(folder, dimension)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
