"""What an upload is, told by its content and not by what its sender says, and whether an archive may be unpacked."""

from __future__ import annotations

import codecs
import stat
import struct
import zipfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, Literal


@dataclass(frozen=True)
class Limits:
    """What one document may take: files of an archive, their bytes unpacked, times that one may grow, characters of text, and of the
    process that reads it bytes of address space and seconds of a processor."""

    archive_entries: int = 500
    archive_size: int = 200 * 2**20
    archive_ratio: int = 100
    text: int = 10_000_000
    memory: int = 2**30
    seconds: int = 120


class DocumentError(Exception):
    """A document that cannot be taken; trying again does not help. Its attributes are those of an error of the API."""

    def __init__(self, status: int, found: str, wanted: str, field: str = "file") -> None:
        super().__init__(f"{field}: found {found}, wanted {wanted}")
        self.status, self.field, self.found, self.wanted = status, field, found, wanted


Kind = Literal["text", "markdown", "html", "pdf", "zip"]
CONTENT_TYPES: dict[Kind, str] = {
    "text": "text/plain; charset=utf-8",
    "markdown": "text/markdown; charset=utf-8",
    "html": "text/html",
    "pdf": "application/pdf",
    "zip": "application/zip",
}
_SUFFIXES: dict[str, Kind] = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
    ".zip": "zip",
}
WANTED = "a text in UTF-8, Markdown, HTML, PDF, or a zip of these"
_PIECE = 1 << 20
_END_SIZE, _END_MOST = 22, 22 + 65535  # bytes of a zip's end record, without and with a comment
_ENTRY_MOST = 1024  # bytes of an entry of its directory, on the average


def kind_of(file: BinaryIO, filename: str) -> Kind:
    """The kind of an upload.

    Args:
        file: its content, from where it stands; read to its end where it is text.
        filename: as its sender calls it; its suffix must fit the content.

    Raises:
        DocumentError: 400 empty; 415 of another kind, or not what its name says.
    """
    head = file.read(1024)
    file.seek(0)
    if not head:
        raise DocumentError(400, "an empty file", "a document")
    named = _SUFFIXES.get(PurePosixPath(filename.lower()).suffix)
    if named is None and PurePosixPath(filename).suffix:
        raise DocumentError(415, f"the suffix {PurePosixPath(filename).suffix[:20]!r}", WANTED)
    if head.startswith(b"%PDF-"):
        found: Kind = "pdf"
    elif head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        found = "zip"
    elif named == "html" or (named is None and head.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].lower().startswith((b"<!doctype html", b"<html"))):
        found = "html"
        if b"\x00" in head:
            raise DocumentError(415, "binary content", WANTED)
    else:
        _check_utf8(file)
        found = "markdown" if named == "markdown" else "text"
    if named not in (None, found):
        raise DocumentError(415, f"a file of the kind {found} named {filename[-60:]!r}", f"a file of the kind {named}")
    return found


def _check_utf8(file: BinaryIO) -> None:
    """The rest of a file is text in UTF-8; leaves it at its beginning.

    Raises:
        DocumentError: 415, with the place where it is not.
    """
    decoder, place = codecs.getincrementaldecoder("utf-8")(), 0
    while True:
        piece = file.read(_PIECE)
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            raise DocumentError(415, f"bytes that are not UTF-8 near place {place + error.start}", WANTED) from error
        if "\x00" in text:
            raise DocumentError(415, "binary content", WANTED)
        if not piece:
            file.seek(0)
            return
        place += len(piece)


def archive_members(file: BinaryIO, limits: Limits) -> list[tuple[zipfile.ZipInfo, Kind]]:
    """Files of an archive that will be read, by its directory; nothing is unpacked. What systems hide in archives is left out.

    Raises:
        DocumentError: 400 a name that leaves the folder, a link, encrypted, or no file at all; 413 too many or too large; 415 another kind.
    """
    _check_directory(file, limits)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise DocumentError(415, f"an archive that cannot be read ({error})", "a zip") from error
    finally:
        file.seek(0)
    if len(entries) > limits.archive_entries:
        raise DocumentError(413, f"an archive of {len(entries)} files", f"at most {limits.archive_entries}")
    members: list[tuple[zipfile.ZipInfo, Kind]] = []
    whole = 0
    for entry in entries:
        path = _safe_path(entry)
        if entry.is_dir() or path.parts[0] == "__MACOSX" or path.name.startswith(".") or path.name in ("Thumbs.db", "desktop.ini"):
            continue
        whole += entry.file_size
        if whole > limits.archive_size:
            raise DocumentError(
                413, f"an archive of more than {limits.archive_size} bytes, unpacked", f"at most {limits.archive_size} bytes"
            )
        if entry.file_size > limits.archive_ratio * max(entry.compress_size, 1024):
            raise DocumentError(
                413, f"a file that grows to {entry.file_size} bytes from {entry.compress_size}", f"at most {limits.archive_ratio} times"
            )
        kind = _SUFFIXES.get(path.suffix.lower())
        if kind in (None, "zip"):
            raise DocumentError(415, f"the file {entry.filename[-60:]!r} in an archive", "texts in UTF-8, Markdown, HTML or PDF in it")
        members.append((entry, kind))
    if not members:
        raise DocumentError(400, "an archive without documents", "at least one document in it")
    return members


def _check_directory(file: BinaryIO, limits: Limits) -> None:
    """An archive's directory has a size that may be read into memory: `zipfile` would read one of any size.

    Raises:
        DocumentError: 413 it has not; 415 there is none.
    """
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_MOST))
    tail = file.read()
    file.seek(0)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) < place + _END_SIZE:
        raise DocumentError(415, "an archive without an end", "a zip")
    entries, directory = struct.unpack_from("<HI", tail, place + 10)
    if tail[max(0, place - 20) :].startswith(b"PK\x06\x07") or entries == 0xFFFF or directory == 0xFFFFFFFF:
        raise DocumentError(413, "an archive in the form for very large ones (zip64)", f"at most {limits.archive_entries} files")
    if directory > limits.archive_entries * _ENTRY_MOST:
        raise DocumentError(413, f"an archive whose directory takes {directory} bytes", f"at most {limits.archive_entries} files")


def _safe_path(entry: zipfile.ZipInfo) -> PurePosixPath:
    """The path of an entry, which must stay below the archive's folder and be a plain file or folder."""
    name = entry.orig_filename  # ZipInfo.filename is cut at a NUL, and has its separators changed
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or "\x00" in name or ":" in path.parts[0]:
        raise DocumentError(400, f"the name {name[-60:]!r} in an archive", "names below the archive's own folder")
    mode = entry.external_attr >> 16
    if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_IFMT(mode) == 0):
        raise DocumentError(400, f"{name[-60:]!r} in an archive, which is a link or device", "plain files")
    if entry.flag_bits & 1:
        raise DocumentError(400, f"{name[-60:]!r} in an archive, which is encrypted", "files without a password")
    return path
