"""What a member has on the disk: the snapshot that `current` names and the log of what changed since, under a lock."""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import orjson
from prometheus_client import Gauge

from . import files, snapshot
from .files import Damaged
from .index import Index
from .log import Log
from .operations import LONGEST_ID, LONGEST_METADATA, decode
from .settings import MOST_LISTS, FaissSettings
from .snapshot import Manifest

_log = logging.getLogger(__name__)
MOST_ANCESTORS = 32  # that an index knows of

saved_at = Gauge("faiss_saved_timestamp_seconds", "When the newest snapshot was written")


class Disk:
    """The folder `settings.data_path`, which one process has at a time. Its methods block; the log and whatever changes it belong to one
    thread, `write` and `unpack` may run beside it.

    Attributes:
        saved: what the newest snapshot holds.
        log: the changes since the one before, which a reader that is not far behind goes on from.
    """

    def __init__(self, settings: FaissSettings) -> None:
        self._settings, self._folder = settings, settings.data_path
        self._coming = self._folder / "snapshot.in"

    def open(self) -> Index:
        """Take the folder, and load what is in it, or begin with nothing.

        Raises:
            Damaged: what is there cannot be used, or another process has it.
            OSError: it cannot be read or written.
        """
        if not self._folder.exists():
            self._folder.mkdir(parents=True)
            files.sync(self._folder.parent)
        self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Damaged(f"{self._folder}: another process has it") from error
        try:
            return self._load()
        except Damaged as error:
            if self._settings.writes:
                raise
            _log.warning("What this reader had is damaged, it begins anew: %s", error)
            self._clean(everything=True)
            return self._load()

    def close(self) -> None:
        """Let go of the folder."""
        self.log.close()
        os.close(self._lock)

    def write(self, index: Index, sequence: int) -> Manifest:
        """Write a snapshot, which counts once `turn` says so. Raises OSError where it does not fit."""
        return snapshot.write(self._folder, index, self.saved.lineage, self.saved.ancestors, sequence)

    def turn(self, manifest: Manifest) -> None:
        """Let a snapshot that was written be the newest."""
        before = self.saved
        files.write(self._folder / "current", manifest.name.encode())
        self.saved = manifest
        saved_at.set_to_current_time()
        self.log.rotate()
        self.log.drop(before.sequence)  # a reader that is not far behind goes on from the log
        self._clean()

    def path(self) -> Path:
        """The folder of the newest snapshot."""
        return self._folder / self.saved.name

    def unpack(self, archive: Path, restore: bool, sequence: int) -> tuple[Manifest, Index]:
        """Put an archive beside what is there, until `adopt` or `discard`.

        Args:
            archive: a tar file of a snapshot.
            restore: it becomes an index of its own, with what is here among its ancestors; else it stays what it is.
            sequence: number of the last change here.

        Raises:
            Damaged: the archive is not whole, or its vectors are not those that were saved.
            OSError: it does not fit on the disk.
        """
        manifest, index = snapshot.unpack(archive, self._coming, self._settings.vector_dimension, self._room())
        if restore:
            if f"{index.recount():032x}" != manifest.digest:
                raise Damaged("the vectors are not those that were saved")
            before = [*manifest.ancestors, manifest.lineage, *self.saved.ancestors, self.saved.lineage]
            ancestors, number = list(dict.fromkeys(before))[-MOST_ANCESTORS:], max(sequence, manifest.sequence) + 1
            manifest = replace(manifest, lineage=_new_lineage(), ancestors=ancestors, sequence=number)
            (self._coming / "manifest.json").write_bytes(orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2))
        return manifest, index

    def adopt(self, manifest: Manifest) -> None:
        """Let what was unpacked take the place of everything, with a log of its own."""
        snapshot.place(self._folder, self._coming, manifest)
        files.write(self._folder / "current", manifest.name.encode())  # from here on it is the one
        self.log.close()
        self.saved = manifest
        saved_at.set_to_current_time()
        self._clean()
        self.log = Log(self._folder, manifest.lineage, manifest.sequence)
        for _ in self.log.replay():
            raise Damaged(f"the log holds changes after {manifest.name} that came from elsewhere")

    def discard(self) -> None:
        """Remove what was unpacked and not adopted."""
        shutil.rmtree(self._coming, ignore_errors=True)

    def _load(self) -> Index:
        current = self._folder / "current"
        if not current.exists():
            if found := [path.name for path in self._folder.glob("*-*-*")]:
                raise Damaged(f"{self._folder}: {found[0]} is there, but nothing says which is current")
            manifest = snapshot.write(self._folder, Index(self._settings.vector_dimension), _new_lineage(), [], 0)
            files.write(current, manifest.name.encode())
        self.saved, index = snapshot.read(self._folder / current.read_text(), self._settings.vector_dimension)
        self._clean(unfinished=True)
        self.log = Log(self._folder, self.saved.lineage, self.saved.sequence)
        for frame in self.log.replay():
            for operation in decode(frame.payload):
                index.apply(operation)
        saved_at.set(self.path().stat().st_mtime)
        return index

    def _room(self) -> int:
        """Bytes of the largest snapshot of as many vectors as fit, each with the longest id and metadata, and its centroids."""
        of_vector, of_item = self._settings.vector_dimension * 4 + 64, LONGEST_ID * 6 + LONGEST_METADATA + 128
        return self._settings.max_vectors * (of_vector + of_item) + MOST_LISTS * of_vector + 2**20

    def _clean(self, unfinished: bool = False, everything: bool = False) -> None:
        """Remove what is no longer needed. unfinished: what is coming in, too, which only a start knows to be nobody's."""
        for path in self._folder.iterdir():
            if path.suffix == ".in" and not (unfinished or everything):
                continue
            kind, _, rest = path.name.partition("-")
            stale = path.suffix in {".new", ".in"}
            if not everything:
                stale |= kind == "snapshot" and path.name != self.saved.name
                stale |= kind == "log" and rest.partition("-")[0] != self.saved.lineage
            if stale or (everything and kind in {"current", "snapshot", "log"}):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _new_lineage() -> str:
    return secrets.token_hex(4)
