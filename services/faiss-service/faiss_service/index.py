"""The index in memory: FAISS, with ids and metadata beside it. One thread at a time; it knows nothing of files and requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import orjson

from .operations import Add, Clear, Delete, Floats, Operation, Train


@dataclass(frozen=True, slots=True)
class Item:
    """What stands beside a vector. metadata: JSON; seal: of id, metadata and vector."""

    id: str
    metadata: bytes
    seal: int


@dataclass(frozen=True, slots=True)
class Hit:
    """A found vector; the score is the inner product."""

    id: str
    score: float
    metadata: bytes


class Index:
    """Vectors of one dimension, searched by inner product: exactly until it is trained, then in the nearest lists.

    Attributes:
        digest: of all contents, whatever their order; two members are alike exactly if theirs are.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._empty()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def trained(self) -> bool:
        """Whether it has lists."""
        return isinstance(self._faiss, faiss.IndexIVF)

    @property
    def lists(self) -> int:
        """Its lists; 0 while it is flat."""
        return self._faiss.nlist if self.trained else 0

    def apply(self, operation: Operation) -> int:
        """Do what the operation says; it has been checked. Gives how many items it took out or replaced."""
        taken = 0
        match operation:
            case Add(ids, vectors, metadata):
                taken = self._remove(ids)
                numbers = np.arange(self._next, self._next + len(ids), dtype=np.int64)
                self._next += len(ids)
                self._faiss.add_with_ids(np.ascontiguousarray(vectors), numbers)
                for place, (number, id_) in enumerate(zip(numbers.tolist(), ids, strict=True)):
                    text = orjson.dumps(metadata[place] if metadata else {}, option=orjson.OPT_SORT_KEYS)
                    item = Item(id_, text, seal(id_, text, vectors[place]))
                    self._items[number], self._numbers[id_] = item, number
                    self.digest ^= item.seal
            case Delete(ids):
                taken = self._remove(ids)
            case Train(centroids):
                self._train(centroids)
            case Clear():
                taken = len(self)
                self._empty()
        return taken

    def search(self, queries: Floats, k: int, nprobe: int) -> list[list[Hit]]:
        """The best `k` for each of the queries (n, dimension), best first; fewer where it holds fewer."""
        if not self._items:
            return [[] for _ in queries]
        parameters = faiss.SearchParametersIVF(nprobe=min(nprobe, self.lists)) if self.trained else None
        scores, numbers = self._faiss.search(queries, min(k, len(self)), params=parameters)
        return [
            [Hit(item.id, score, item.metadata) for number, score in zip(row, values, strict=True) if (item := self._items.get(number))]
            for row, values in zip(numbers.tolist(), scores.tolist(), strict=True)
        ]

    def sample(self, most: int) -> Floats:
        """At most `most` of its vectors, evenly spread over their coming, to train on."""
        numbers = np.fromiter(self._items, np.int64, len(self._items))
        return self._faiss.reconstruct_batch(numbers[:: max(1, len(numbers) // most)][:most])

    def recount(self) -> int:
        """The digest, made anew from the vectors that FAISS holds."""
        digest = 0
        for number, item in self._items.items():
            digest ^= seal(item.id, item.metadata, self._faiss.reconstruct(number))
        return digest

    def save(self, vectors: Path, items: Path) -> None:
        """Write it into two files. Raises OSError."""
        try:
            faiss.write_index(self._faiss, str(vectors))
        except RuntimeError as error:
            raise OSError(f"{vectors.name}: {error}") from error
        with items.open("wb") as file:
            file.writelines(self._lines())

    @classmethod
    def load(cls, dimension: int, vectors: Path, items: Path) -> Index:
        """What `save` wrote.

        Raises:
            ValueError: the files do not belong together, or hold another dimension.
        """
        index = cls(dimension)
        index._faiss = faiss.read_index(str(vectors))
        with items.open("rb") as file:
            for line in file:
                number, id_, mark, metadata = orjson.loads(line)
                item = Item(id_, orjson.dumps(metadata, option=orjson.OPT_SORT_KEYS), int(mark, 16))
                index._items[number], index._numbers[id_] = item, number
                index.digest ^= item.seal
                index._next = number + 1
        if index._faiss.d != dimension:
            raise ValueError(f"{vectors.name}: found {index._faiss.d} dimensions, wanted {dimension}")
        if index._faiss.ntotal != len(index):
            raise ValueError(f"{vectors.name} holds {index._faiss.ntotal} vectors, {items.name} {len(index)} items")
        return index

    def _lines(self) -> Iterator[bytes]:
        for number, item in self._items.items():
            fields: list[Any] = [number, item.id, f"{item.seal:032x}", orjson.Fragment(item.metadata)]
            yield orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)

    def _empty(self) -> None:
        self.digest = 0
        self._items: dict[int, Item] = {}  # by FAISS's number, in the order of their coming
        self._numbers: dict[str, int] = {}
        self._next = 0
        self._faiss: faiss.Index = faiss.IndexIDMap2(faiss.IndexFlatIP(self.dimension))

    def _train(self, centroids: Floats) -> None:
        quantizer = faiss.IndexFlatIP(self.dimension)
        quantizer.add(np.ascontiguousarray(centroids))
        trained = faiss.IndexIVFFlat(quantizer, self.dimension, len(centroids), faiss.METRIC_INNER_PRODUCT)
        trained.is_trained = True  # the centroids are all that there is to train
        trained.set_direct_map_type(faiss.DirectMap.Hashtable)  # to find and take out a vector by its number
        numbers = np.fromiter(self._items, np.int64, len(self._items))
        for part in np.array_split(numbers, max(1, len(numbers) // 8192)):
            if len(part):
                trained.add_with_ids(self._faiss.reconstruct_batch(part), part)
        self._faiss = trained

    def _remove(self, ids: list[str]) -> int:
        numbers = [number for id_ in ids if (number := self._numbers.pop(id_, None)) is not None]
        if not numbers:
            return 0
        wanted = np.array(numbers, np.int64)
        self._faiss.remove_ids(faiss.IDSelectorArray(wanted) if self.trained else faiss.IDSelectorBatch(wanted))
        for number in numbers:
            self.digest ^= self._items.pop(number).seal
        return len(numbers)


def centroids(vectors: Floats, lists: int) -> Floats:
    """Where the lists of an index of such vectors should lie: (lists, dimension), by k-means on their directions."""
    means = faiss.Kmeans(vectors.shape[1], lists, niter=20, spherical=True, seed=1, min_points_per_centroid=1)
    means.train(np.ascontiguousarray(vectors))
    return means.centroids


def seal(id_: str, metadata: bytes, vector: Floats) -> int:
    """A checksum of one item with its vector (dimension)."""
    found = blake2b(id_.encode() + b"\0" + metadata + b"\0", digest_size=16)
    found.update(np.ascontiguousarray(vector, "<f4"))
    return int.from_bytes(found.digest())
