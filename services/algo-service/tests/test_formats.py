"""What is taken as a document and what is refused, and how documents are read."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from algo_service.extract import extract
from algo_service.formats import DocumentError, Limits, archive_members, kind_of

LIMITS = Limits(archive_entries=5, archive_size=300_000, archive_ratio=20, text=50_000, memory=2**29, seconds=20)


def pdf(*pages: str, password: str = "") -> bytes:
    """A PDF with a line of text on each page."""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for text in pages:
        page = writer.add_blank_page(300, 300)
        content = DecodedStreamObject()
        content.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(content)
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})})
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def archive(files: dict[str, bytes], mode: int = 0, flags: int = 0) -> bytes:
    """A zip of these files; `mode` and `flags` of each entry."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = mode << 16
            file.writestr(entry, content)
    data = out.getvalue()
    if flags:
        place = data.index(b"PK\x01\x02")
        data = data[: place + 8] + struct.pack("<H", flags) + data[place + 10 :]
    return data


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        ("Plain text, 中文".encode(), "a.txt", "text"),
        (b"\xef\xbb\xbfwith a mark", "a.txt", "text"),
        (b"# Title", "a.md", "markdown"),
        (b"no suffix", "README", "text"),
        (b"<html><p>x</html>", "a.html", "html"),
        (b" <!DOCTYPE HTML><p>x", "page", "html"),
        ("<p>中文".encode("gb18030"), "a.htm", "html"),
        (pdf("x"), "a.pdf", "pdf"),
        (pdf("x"), "A.PDF", "pdf"),
        (pdf("x"), "noname", "pdf"),
        (archive({"a.txt": b"x"}), "a.zip", "zip"),
    ],
)
def test_kinds(content: bytes, name: str, kind: str) -> None:
    file = io.BytesIO(content)
    assert kind_of(file, name) == kind
    assert file.tell() == 0


@pytest.mark.parametrize(
    ("content", "name", "status"),
    [
        (b"", "a.txt", 400),
        (b"\xff\xfe\x00", "a.txt", 415),
        ("中文".encode("gb18030"), "a.txt", 415),
        (b"x" * (1 << 20) + b"\xe4\xb8", "a.txt", 415),
        (b"text\0with a zero", "a.txt", 415),
        (b"no pdf", "a.pdf", 415),
        (pdf("x"), "a.txt", 415),
        (b"\x89PNG\r\n\x1a\n", "a.png", 415),
        (b"MZ\x90\0", "a.exe", 415),
        (b"no zip", "a.zip", 415),
        (archive({"a.txt": b"x"}), "a.docx", 415),
        (b"<p>\0", "a.html", 415),
    ],
)
def test_not_what_it_says(content: bytes, name: str, status: int) -> None:
    with pytest.raises(DocumentError) as caught:
        kind_of(io.BytesIO(content), name)
    assert caught.value.status == status


def test_archive() -> None:
    """Documents in folders are taken, what systems hide is not."""
    files = {"a.txt": b"x", "folder/b.md": b"y", "__MACOSX/._a.txt": b"\0", ".DS_Store": b"\0"}
    assert [(entry.filename, kind) for entry, kind in archive_members(io.BytesIO(archive(files)), LIMITS)] == [
        ("a.txt", "text"),
        ("folder/b.md", "markdown"),
    ]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        *[
            (archive({name: b"x"}), 400)
            for name in ("../a.txt", "/etc/a.txt", "a/../../b.txt", "..\\a.txt", "C:/a.txt", "C:\\a.txt", "a/b\\..\\c.txt")
        ],
        (archive({"a.txt": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777), 400),
        (archive({"a.txt": b"x"}, mode=stat.S_IFCHR), 400),
        (archive({"a.txt": b"x"}, flags=1), 400),
        (archive({}), 400),
        (archive({".hidden": b"x"}), 400),
        (archive({f"{number}.txt": b"x" for number in range(6)}), 413),
        (archive({"bomb.txt": b"0" * 200_000}), 413),
        (archive({f"{number}.txt": bytes(range(256)) * 300 for number in range(5)}), 413),
        (archive({"inner.zip": archive({"a.txt": b"x"})}), 415),
        (archive({"run.exe": b"MZ"}), 415),
        (archive({"a.txt": b"x"})[:-10], 415),
        (b"PK\x03\x04" + b"\0" * 50, 415),
        (archive({f"{number}.txt": b"" for number in range(2000)}), 413),
    ],
)
def test_archive_refused(data: bytes, status: int) -> None:
    """Names that leave the folder, links, what grows without bound, and what holds something else."""
    with pytest.raises(DocumentError) as caught:
        archive_members(io.BytesIO(data), LIMITS)
    assert caught.value.status == status


async def read(tmp_path: Path, content: bytes, kind: str, limits: Limits = LIMITS) -> list[tuple[str, str]]:
    path = tmp_path / "document"
    path.write_bytes(content)
    return [(part.name, part.text.strip()) for part in await extract(path, kind, limits)]  # type: ignore[arg-type]


async def test_extract(tmp_path: Path) -> None:
    """Texts of all kinds, by a process of its own."""
    assert await read(tmp_path, "\ufeff中文 text".encode(), "text") == [("", "中文 text")]
    assert await read(tmp_path, pdf("First page", "Second"), "pdf") == [("1", "First page"), ("2", "Second")]
    html = b"<html><head><title>no</title><style>p{}</style></head><h1>Title</h1><p>Text &amp; more</p><script>x()</script></html>"
    assert await read(tmp_path, html, "html") == [("", "Title\nText & more")]
    files = {"a.txt": b"one", "sub/b.pdf": pdf("two")}
    assert await read(tmp_path, archive(files), "zip") == [("a.txt", "one"), ("sub/b.pdf, 1", "two")]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.7\nnothing of a PDF", "pdf"),
        (pdf("secret", password="x"), "pdf"),
        (pdf(""), "pdf"),
        (b"   \n ", "text"),
        (b"x" * 60_000, "text"),
        (archive({"a.txt": b"\xff\xfe"}), "zip"),
        (archive({"a.txt": b"x" * 1000}).replace(struct.pack("<I", 1000), struct.pack("<I", 10)), "zip"),
        (b"<b>" * 200_000, "html"),
    ],
)
async def test_extract_refuses(tmp_path: Path, content: bytes, kind: str) -> None:
    """What cannot be read, holds no text, too much of it, or is not as it says."""
    with pytest.raises(DocumentError) as caught:
        await read(tmp_path, content, kind)
    assert caught.value.status == 422


async def test_extract_is_bounded(tmp_path: Path) -> None:
    """A PDF that unpacks to more than the memory that there is ends the process that reads it, and nothing else."""
    import zlib

    writer = PdfWriter()
    page = writer.add_blank_page(100, 100)
    content = DecodedStreamObject()
    content.set_data(b"q")
    page[NameObject("/Contents")] = reference = writer._add_object(content)
    out = io.BytesIO()
    writer.write(out)
    bomb = zlib.compress(b"0 " * (3 * 10**8 // 2), 9)
    plain = out.getvalue()
    stream = b"<<\n/Length 1\n>>\nstream\nq\nendstream"
    assert stream in plain, plain
    data = plain.replace(stream, b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(bomb), bomb))
    assert reference
    with pytest.raises(DocumentError) as caught:
        await read(tmp_path, data, "pdf", replace(LIMITS, memory=300 * 2**20, seconds=5))
    assert caught.value.status == 422
