"""The AI tier: embeddings, vectors, and the language model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from voicehelper_common import http_client

from .failures import Unavailable, calling
from .settings import AlgoSettings

REMOVE_AT_ONCE = 1000


@dataclass(frozen=True)
class Hit:
    """A chunk that is near a question; score: cosine similarity, for normalised vectors."""

    chunk_id: str
    score: float


@dataclass
class Generation:
    """What a language model says of an answer beside its text; complete once that has ended."""

    finish_reason: str = "stop"
    usage: dict[str, int] = field(default_factory=lambda: {"prompt_tokens": 0, "completion_tokens": 0})


class Models:
    """Clients of bge-service, faiss-service and llm-proxy. Use as an async context manager; errors come as `Unavailable`."""

    def __init__(self, settings: AlgoSettings) -> None:
        self._settings = settings
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=16)
        self._client = http_client(timeout=httpx.Timeout(20, connect=3), limits=limits)
        self._key = settings.llm_api_key.get_secret_value()

    async def __aenter__(self) -> Models:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Normalised embeddings of 1 to 100 texts, in their order."""
        answer = await self._post("bge-service", f"{self._settings.bge_service_url}/embed", {"texts": list(texts), "normalize": True})
        return answer["embeddings"]

    async def embed_question(self, text: str) -> list[float]:
        """The embedding of a question."""
        return (await self.embed([self._settings.query_instruction + text]))[0]

    async def add(self, ids: Sequence[str], vectors: Sequence[Sequence[float]], metadata: Sequence[dict[str, Any]]) -> None:
        """Have vectors found under these ids; those that are there already are replaced."""
        body = {"ids": list(ids), "vectors": list(vectors), "metadata": list(metadata)}
        await self._post("faiss-service", f"{self._settings.faiss_service_url}/add", body)

    async def nearest(self, vector: Sequence[float], most: int) -> list[Hit]:
        """Up to `most` (1 to 100) chunks near a vector, the nearest first."""
        body = {"query_vector": list(vector), "k": most, "nprobe": self._settings.faiss_nprobe}
        answer = await self._post("faiss-service", f"{self._settings.faiss_service_url}/search", body)
        return [Hit(result["id"], float(result["score"])) for result in answer["results"]]

    async def remove(self, ids: Sequence[str]) -> None:
        """Remove vectors; no error for an id that is not there."""
        for first in range(0, len(ids), REMOVE_AT_ONCE):
            await self._post(
                "faiss-service", f"{self._settings.faiss_service_url}/delete", {"ids": list(ids[first : first + REMOVE_AT_ONCE])}
            )

    async def index(self) -> dict[str, Any]:
        """What faiss-service says of its index."""
        with calling("faiss-service", httpx.HTTPError):
            answer = await self._client.get(f"{self._settings.faiss_service_url}/stats", timeout=3)
            answer.raise_for_status()
            return answer.json()

    async def answer(self, messages: Sequence[dict[str, str]], generation: Generation) -> AsyncIterator[str]:
        """Pieces of the model's answer as they come; `generation` is filled in meanwhile.

        The model stops when the iterator is closed.
        """
        settings = self._settings
        body = {
            "model": settings.llm_model,
            "messages": list(messages),
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": settings.answer_tokens,
            "temperature": 0.2,
        }
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        timeout = httpx.Timeout(settings.llm_timeout, connect=3)
        with calling("llm-proxy", httpx.HTTPError, ValueError, KeyError):
            request = self._client.stream("POST", f"{settings.llm_url}/chat/completions", json=body, headers=headers, timeout=timeout)
            async with request as answer:
                if answer.status_code >= 400:
                    raise Unavailable("llm-proxy", f"{answer.status_code} {(await answer.aread())[:200]!r}", _retry_after(answer))
                async for line in answer.aiter_lines():
                    if not line.startswith("data:") or (data := line[5:].strip()) == "[DONE]":
                        continue
                    event = json.loads(data)
                    if "error" in event:
                        raise Unavailable("llm-proxy", event["error"])
                    if event.get("usage"):
                        generation.usage = {name: int(event["usage"][name]) for name in ("prompt_tokens", "completion_tokens")}
                    for choice in event.get("choices", ()):
                        if choice.get("finish_reason"):
                            generation.finish_reason = "length" if choice["finish_reason"] == "length" else "stop"
                        if text := (choice.get("delta") or {}).get("content"):
                            yield text

    async def _post(self, system: str, url: str, body: dict[str, Any], tries: int = 3) -> dict[str, Any]:
        """A call that changes nothing when it is repeated; where the service is full, after the time that it says."""
        for left in reversed(range(tries)):
            with calling(system, httpx.HTTPError):
                answer = await self._client.post(url, json=body)
                if answer.status_code < 400:
                    return answer.json()
            wait = _retry_after(answer)
            if answer.status_code not in (429, 503) or not left or wait > 5:
                break
            await asyncio.sleep(wait)
        raise Unavailable(system, f"{answer.status_code} {answer.text[:200]}", wait)


def _retry_after(answer: httpx.Response) -> float:
    """Seconds that a service asks for; 1 where it says none."""
    said = answer.headers.get("Retry-After", "")
    return float(said) if said.isdecimal() else 1.0
