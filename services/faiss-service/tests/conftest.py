import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from voicehelper_common.testing import Service, free_port

DIMENSION = 32
PATIENCE = 120  # seconds; a crowded machine answers late, and that is nothing that these tests are about


class Member:
    """A faiss-service process over a folder that outlives it."""

    def __init__(self, folder: Path, name: str, members: str = "", port: int = 0, **settings: object) -> None:
        self.folder, self.port = folder, port or free_port()
        self.settings = {
            "data_path": folder,
            "member": name,
            "member_url": members,
            "vector_dimension": DIMENSION,
            "threads": 1,
            "max_lag_seconds": PATIENCE,
            "request_timeout": PATIENCE,
            "take_back_seconds": 0,  # a port that nobody listens on is not known to be nobody's
        } | settings
        self.service: Service | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, ready: bool = True) -> "Member":
        self.service = Service("-m", "faiss_service", port=self.port, **self.settings)
        self.service.wait("/ready" if ready else "/health")
        return self

    def kill(self) -> None:
        if self.service:
            self.service.kill()

    def post(self, path: str, body: object = None, **options: object) -> httpx.Response:
        return httpx.post(self.base + path, json=body, timeout=PATIENCE, **options)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.base + path, timeout=PATIENCE)

    def clear(self) -> httpx.Response:
        return httpx.delete(self.base + "/clear", timeout=PATIENCE)

    def add(self, ids: list[str], vectors: np.ndarray, metadata: list[dict] | None = None) -> dict:
        answer = self.post("/add", {"ids": ids, "vectors": vectors.tolist(), "metadata": metadata})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def search(self, vector: np.ndarray, **more: object) -> list[dict]:
        answer = self.post("/search", {"query_vector": vector.tolist()} | more)
        assert answer.status_code == 200, answer.text
        return answer.json()["results"]

    def stats(self) -> dict:
        return httpx.get(self.base + "/stats", timeout=PATIENCE).json()


def ports() -> int:
    """A port that ends with 0, and it and the nine after it are free: a member's ordinal is its last digit."""
    for first in range(21_000 + os.getpid() % 500 * 10, 32_000, 10):
        try:
            for port in range(first, first + 10):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return first
    raise AssertionError("no ten ports are free")


@pytest.fixture
def members(tmp_path: Path) -> Iterator[Callable[..., Member]]:
    """Makes members `NAME-N`, not started; ends them all."""
    made: list[Member] = []
    first = ports()

    def make(ordinal: int = 0, **settings: object) -> Member:
        url = f"http://127.0.0.1:{first // 10}{{}}"
        made.append(Member(tmp_path / str(ordinal), f"faiss-service-{ordinal}", url, first + ordinal, **settings))
        return made[-1]

    yield make
    for member in made:
        member.kill()


def vectors(n: int, seed: int = 0) -> np.ndarray:
    """n vectors of length 1."""
    found = np.random.default_rng(seed).standard_normal((n, DIMENSION)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)
