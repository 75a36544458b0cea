"""The text of a document. Documents are strangers' data: a process of its own reads them, of bounded memory and time, and writes no files.

`python -m algo_service.extract PATH KIND LIMITS` prints one JSON object a part, `{"name", "text"}`, or at last what is wrong with
the document, `{"status", "found", "wanted"}`.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import resource
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from .chunking import Part
from .formats import DocumentError, Kind, Limits, archive_members


async def extract(path: Path, kind: Kind, limits: Limits) -> list[Part]:
    """Parts of the document at `path`: pages of a PDF, files of an archive, else one.

    Raises:
        DocumentError: 422, it cannot be read, holds no text or too much of it, or takes more memory or time than it may.
    """
    command = [sys.executable, "-m", __spec__.name, str(path), kind, json.dumps(asdict(limits))]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, limit=2**26, env=_environment()
    )
    assert process.stdout
    try:
        async with asyncio.timeout(limits.seconds * 4):
            parts = await _parts(process.stdout, limits.text)
            status = await process.wait()
    except (TimeoutError, ValueError) as error:  # ValueError: a line longer than any part may be
        raise DocumentError(422, "a document that takes too long to read", f"at most {limits.seconds} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if status:  # killed by a limit, or a library that failed in a way that it does not name
        raise DocumentError(422, f"a document that could not be read (status {status})", "a document within the limits of memory and time")
    if not any(part.text.strip() for part in parts):
        raise DocumentError(422, "a document without text", "text; of a scan, recognised beforehand")
    return parts


def _environment() -> dict[str, str]:
    """What Python needs to start, and none of the passwords."""
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "TMPDIR") if name in os.environ} | {"PYTHONUTF8": "1"}


async def _parts(lines: asyncio.StreamReader, most: int) -> list[Part]:
    parts: list[Part] = []
    async for line in lines:
        told = json.loads(line)
        if "status" in told:
            raise DocumentError(**told)
        part = Part(**told)
        most -= len(part.text)
        if most < 0:
            raise DocumentError(422, "a document with too much text", "a shorter one, or several")
        parts.append(part)
    return parts


def read(file: BinaryIO, kind: Kind, limits: Limits, name: str = "") -> Iterator[Part]:
    """Parts of an open document; `name` is its own, where it lies in an archive."""
    match kind:
        case "pdf":
            yield from _pages(file, name)
        case "html":
            yield Part(name, _visible(file.read()))
        case "zip":
            members = archive_members(file, limits)
            with zipfile.ZipFile(file) as archive:
                for entry, inner in members:
                    with archive.open(entry) as member:
                        content = member.read(entry.file_size + 1)  # a directory that lies about sizes ends here
                    if len(content) > entry.file_size:
                        raise DocumentError(422, f"{entry.filename!r}, longer than the archive says", "an archive that is as it says")
                    yield from read(io.BytesIO(content), inner, limits, entry.filename)
        case _:
            try:
                yield Part(name, file.read().decode("utf-8-sig"))
            except UnicodeDecodeError as error:
                raise DocumentError(422, f"bytes in {name or 'the text'} that are not UTF-8", "text in UTF-8") from error


def _pages(file: BinaryIO, name: str) -> Iterator[Part]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(file)
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentError(422, "a PDF with a password", "one without")
        for number, page in enumerate(reader.pages, 1):
            yield Part(f"{name}, {number}" if name else str(number), page.extract_text())
    except (PyPdfError, KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        raise DocumentError(422, f"a PDF that cannot be read ({type(error).__name__})", "a PDF as its standard says") from error


def _visible(content: bytes) -> str:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(content, "html.parser")
    for hidden in soup(["script", "style", "noscript", "template", "head"]):
        hidden.decompose()
    for block in soup(["p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "blockquote", "pre"]):
        block.append("\n")
    return soup.get_text()


def main() -> None:
    """The process of its own; see the module."""
    path, kind, given = sys.argv[1:]
    limits = Limits(**json.loads(given))
    for what, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    try:
        with Path(path).open("rb") as file:
            for part in read(file, kind, limits):  # type: ignore[arg-type]
                if len(part.text) > limits.text:
                    raise DocumentError(422, "a document with too much text", "a shorter one, or several")
                print(json.dumps({"name": part.name, "text": part.text}, ensure_ascii=False), flush=True)
    except DocumentError as error:
        print(json.dumps({"status": error.status, "found": error.found, "wanted": error.wanted}))
    except (MemoryError, RecursionError, zipfile.BadZipFile, EOFError) as error:
        found = f"a document that cannot be read ({type(error).__name__})"
        print(json.dumps({"status": 422, "found": found, "wanted": "a document within the limits of memory"}))


if __name__ == "__main__":
    main()
