"""The log: every change, in order, on the disk before it is acknowledged.

A frame is one commit: magic, length, checksum and sequence number, then its operations. Frames are numbered without a gap. Of what a crash
leaves, only the last frame can be torn, as each is synced before the next is written: such a tail was never acknowledged and is cut off.
A bad frame with good ones behind it is damage, and refused.
"""

from __future__ import annotations

import os
import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .files import Damaged, sync

_HEAD = struct.Struct("<4sIIQ")
_MAGIC = b"VHL1"


class Frame(NamedTuple):
    """One commit."""

    sequence: int
    payload: bytes


class Gone(Exception):
    """What is asked for is no longer in the log: a snapshot has it."""


def pack(frame: Frame) -> bytes:
    """A frame as bytes."""
    checksum = zlib.crc32(frame.payload, zlib.crc32(frame.sequence.to_bytes(8, "little")))
    return _HEAD.pack(_MAGIC, len(frame.payload), checksum, frame.sequence) + frame.payload


def unpack(data: bytes) -> Iterator[tuple[int, Frame]]:
    """The whole and right frames from the beginning of `data`, each with the offset of its end; stops at the first that is not."""
    at = 0
    while (frame := _frame(data, at)) is not None:
        at += _HEAD.size + len(frame.payload)
        yield at, frame


def _frame(data: bytes, at: int) -> Frame | None:
    if at + _HEAD.size > len(data):
        return None
    magic, length, checksum, sequence = _HEAD.unpack_from(data, at)
    payload = data[at + _HEAD.size : at + _HEAD.size + length]
    if magic != _MAGIC or len(payload) != length or zlib.crc32(payload, zlib.crc32(sequence.to_bytes(8, "little"))) != checksum:
        return None
    return Frame(sequence, payload)


class Log:
    """The log in a folder, in segments `log-LINEAGE-FIRST`, of which the last is written to.

    Attributes:
        last: number of the last frame.
    """

    def __init__(self, folder: Path, lineage: str, snapshot: int) -> None:
        """Open the log that goes on from the snapshot of number `snapshot`; `replay` comes next.

        Raises:
            Damaged: see the module.
        """
        self._folder, self._lineage = folder, lineage
        self._segments: list[tuple[int, Path]] = sorted((_first(path), path) for path in folder.glob(f"log-{lineage}-*"))
        self._ends: dict[Path, list[tuple[int, int]]] = {}  # of each frame: number, offset of its end
        self.last = snapshot
        self._file = -1
        self._offset = 0

    def replay(self) -> Iterator[Frame]:
        """The frames after the snapshot, in order; then the log is open for more."""
        for place, (_, path) in enumerate(self._segments):
            data = path.read_bytes()
            ends = self._ends[path] = []
            for end, frame in unpack(data):
                ends.append((frame.sequence, end))
                if frame.sequence <= self.last:
                    continue
                if frame.sequence != self.last + 1:
                    raise Damaged(f"{path.name}: found frame {frame.sequence} after {self.last}")
                self.last = frame.sequence
                yield frame
            whole = ends[-1][1] if ends else 0
            if whole < len(data):
                if place + 1 < len(self._segments) or _goes_on(data, whole):
                    raise Damaged(f"{path.name}: a bad frame at byte {whole}, and good ones behind it")
                os.truncate(path, whole)
                sync(path)
        if self._segments:
            self._open(self._segments[-1][1])
        else:
            self.rotate()

    def append(self, payload: bytes) -> int:
        """Write one commit; gives its number once it is on the disk.

        Raises:
            OSError: it could not be written, and is not in the log.
            Damaged: nobody knows what is on the disk now: end the process, and look when it starts again.
        """
        return self.extend(pack(Frame(self.last + 1, payload)))[-1].sequence

    def extend(self, data: bytes) -> list[Frame]:
        """Write frames as another member's log has them; gives them once they are on the disk. Raises as `append`, and:

        Raises:
            ValueError: they are not whole, or not the next ones.
        """
        found = list(unpack(data))
        wanted = [*range(self.last + 1, self.last + 1 + len(found))]
        if not found or found[-1][0] != len(data) or [frame.sequence for _, frame in found] != wanted:
            raise ValueError(f"these are not the frames after {self.last}")
        try:
            self._write(data)
        except OSError as error:
            try:  # a full disk: what went in is taken out again
                os.ftruncate(self._file, self._offset)
                os.lseek(self._file, self._offset, os.SEEK_SET)
            except OSError:
                raise Damaged(f"the log: {error}") from error
            raise
        try:
            os.fsync(self._file)
        except OSError as error:
            raise Damaged(f"the log cannot be brought to the disk: {error}") from error
        ends = self._ends[self._segments[-1][1]]
        ends += [(frame.sequence, self._offset + end) for end, frame in found]
        self._offset += len(data)
        self.last += len(found)
        return [frame for _, frame in found]

    def rotate(self) -> None:
        """Begin a new segment."""
        path = self._folder / f"log-{self._lineage}-{self.last + 1:020d}"
        if self._segments and self._segments[-1][1] == path:
            return  # nothing was written to this one yet
        path.touch()
        sync(self._folder)
        self._segments.append((self.last + 1, path))
        self._ends[path] = []
        self._open(path)

    def drop(self, upto: int) -> None:
        """Remove the segments whose last frame is at most `upto`."""
        while len(self._segments) > 1 and self._segments[1][0] <= upto + 1:
            _, path = self._segments.pop(0)
            del self._ends[path]
            path.unlink()

    def read(self, after: int, most: int = 8 * 2**20) -> bytes:
        """Frames after number `after`, as they are on the disk: about `most` bytes, at least one frame; nothing if there is none yet.

        Raises:
            Gone: the log begins later.
        """
        if after >= self.last:
            return b""
        if not self._segments or after + 1 < self._segments[0][0]:
            raise Gone
        path = self._segments[bisect_right([first for first, _ in self._segments], after + 1) - 1][1]
        ends = self._ends[path]
        place = after + 1 - ends[0][0]
        start = ends[place - 1][1] if place else 0
        stop = next((end for _, end in ends[place:] if end - start >= most), ends[-1][1])
        with path.open("rb") as file:
            return os.pread(file.fileno(), stop - start, start)

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return sum(ends[-1][1] for ends in self._ends.values() if ends)

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self, path: Path) -> None:
        self.close()
        self._file = os.open(path, os.O_WRONLY)
        self._offset = os.lseek(self._file, 0, os.SEEK_END)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]


def _first(path: Path) -> int:
    return int(path.name.rsplit("-", 1)[1])


def _goes_on(data: bytes, at: int) -> bool:
    while (at := data.find(_MAGIC, at + 1)) >= 0:
        if _frame(data, at) is not None:
            return True
    return False
