"""Answers of algo-service, as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
from httpx_sse import SSEError, aconnect_sse

from voicehelper_common import http_client
from voicehelper_dialogue import DialogueError, Piece

LONGEST_QUESTION = 4000


class Answers:
    """A client of algo-service. Use as an async context manager."""

    def __init__(self, url: str, timeout: float) -> None:
        self._client = http_client(base_url=url, timeout=httpx.Timeout(timeout, connect=3))

    async def __aenter__(self) -> Answers:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    def of(self, user: dict[str, str], conversation_id: str | None) -> Asker:
        """Answers to one user (the gateway's headers), within one conversation, which the first question begins where there is none yet."""
        return Asker(self._client, user, conversation_id)


class Asker:
    """What a dialogue asks."""

    def __init__(self, client: httpx.AsyncClient, user: dict[str, str], conversation_id: str | None) -> None:
        self._client, self._user, self._conversation_id = client, user, conversation_id

    async def __call__(self, question: str) -> AsyncIterator[Piece]:
        """The answer, as it comes; closing the iterator stops it.

        Raises:
            DialogueError: there is none.
        """
        asked = {"query": question[:LONGEST_QUESTION]} | ({"conversation_id": self._conversation_id} if self._conversation_id else {})
        try:
            async with aconnect_sse(self._client, "POST", "/query", json=asked, headers=self._user) as source:
                if source.response.is_error:
                    raise DialogueError.of(json.loads(await source.response.aread()))
                async for event in source.aiter_sse():
                    data = json.loads(event.data)
                    match event.event:
                        case "sources":
                            self._conversation_id = data["conversation_id"]
                            yield Piece(sources=data["sources"])
                        case "token":
                            yield Piece(data["text"])
                        case "error":
                            raise DialogueError.of(data)
                        case "done":
                            return
        except (httpx.HTTPError, SSEError, ValueError, KeyError, TypeError) as error:
            raise DialogueError("algo-service", "no answer", "an answer in time") from error
        raise DialogueError("algo-service", "half an answer", "a whole one")
