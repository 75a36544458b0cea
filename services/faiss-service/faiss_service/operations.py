"""What changes an index, as values and as bytes: the log holds them, readers get them, and every member applies them alike."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_LENGTHS = struct.Struct("<II")  # of header and vectors, bytes
LONGEST_ID = 512  # characters
LONGEST_METADATA = 16 * 1024  # bytes of one vector's, as JSON


@dataclass(frozen=True, slots=True)
class Add:
    """Vectors (n, dimension) with an id each; what has an id already is replaced. metadata: none, or n JSON objects."""

    ids: list[str]
    vectors: Floats
    metadata: list[dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Take out what has these ids."""

    ids: list[str]


@dataclass(frozen=True, slots=True)
class Train:
    """From now on the index has lists around these centroids (lists, dimension)."""

    centroids: Floats


@dataclass(frozen=True, slots=True)
class Clear:
    """Take out everything; the index is flat again."""


Operation = Add | Delete | Train | Clear


def encode(operations: Iterable[Operation]) -> bytes:
    """Operations as bytes, in their order."""
    parts = []
    for operation in operations:
        vectors: Floats | None = None
        match operation:
            case Add(ids, vectors, metadata):
                header = {"do": "add", "ids": ids, "metadata": metadata}
            case Delete(ids):
                header = {"do": "delete", "ids": ids}
            case Train(vectors):
                header = {"do": "train", "lists": len(vectors)}
            case Clear():
                header = {"do": "clear"}
        text = orjson.dumps(header)
        data = b"" if vectors is None else np.ascontiguousarray(vectors, "<f4").tobytes()
        parts += [_LENGTHS.pack(len(text), len(data)), text, data]
    return b"".join(parts)


def size(metadata: dict[str, Any]) -> int:
    """Bytes of one vector's metadata as JSON.

    Raises:
        TypeError: `encode` could not write it: nested too deeply where it will stand, an integer beyond 64 bits, half a character.
    """
    return len(orjson.dumps({"metadata": [metadata]})) - len(b'{"metadata":[]}')


def decode(data: bytes) -> Iterator[Operation]:
    """The operations in `data`, which `encode` made and a checksum vouches for."""
    view, at = memoryview(data), 0
    while at < len(view):
        text, vectors = _LENGTHS.unpack_from(view, at)
        at += _LENGTHS.size
        header = orjson.loads(view[at : at + text])
        floats = np.frombuffer(view[at + text : at + text + vectors], "<f4")
        at += text + vectors
        match header["do"]:
            case "add":
                yield Add(header["ids"], floats.reshape(len(header["ids"]), -1), header["metadata"])
            case "delete":
                yield Delete(header["ids"])
            case "train":
                yield Train(floats.reshape(header["lists"], -1))
            case "clear":
                yield Clear()
            case other:
                raise ValueError(f"an operation that this version does not know: {other}")
