"""What is pinned, from where, and what is missing, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.table import Column, Table

from artifacts.catalogue import Catalogue
from artifacts.kinds.image import in_store
from artifacts.store import Store


@dataclass(frozen=True)
class Row:
    """One artifact: where it stands upstream, whether the catalogue pins it, whether the store holds it."""

    name: str
    version: str
    source: str
    pinned: bool
    stored: bool


def rows(catalogue: Catalogue, store: Store, arch: str) -> Iterator[Row]:
    """One row per file and image of the catalogue."""
    for file in catalogue.files(arch):
        yield Row(file.name, file.version, file.path, bool(file.sha256), (store.files / file.path).exists())
    for image in catalogue.images():
        source = image.build or image.reference
        yield Row(image.name, image.version, source, bool(image.digest or image.build), in_store(image.reference, store))


def table(found: list[Row], arch: str) -> Table:
    """The rows for people; what is absent stands out."""
    source = Column(f"source ({arch})", overflow="fold")
    result = Table("artifact", "version", source, "pinned", "store", caption=_summary(found))
    for row in found:
        result.add_row(row.name, row.version, row.source, _mark(row.pinned), _mark(row.stored))
    return result


def _mark(yes: bool) -> str:
    return "[green]yes[/]" if yes else "[yellow]no[/]"


def _summary(found: list[Row]) -> str:
    unpinned = sum(not row.pinned for row in found)
    missing = sum(not row.stored for row in found)
    return f"{len(found)} artifacts · {unpinned} without checksum or digest · {missing} not in the store"
