"""Full text: Elasticsearch, or OpenSearch in its place, by the API that both have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpx

from voicehelper_common import http_client

from .chunking import Chunk
from .failures import Unavailable, calling
from .records import Caller
from .settings import AlgoSettings

# The standard analyzer, which needs no module, takes Latin words as they are and CJK text character by character: phrases make up for that.
_MAPPINGS = {
    "dynamic": "strict",
    "properties": {
        "document_id": {"type": "keyword"},
        "owner": {"type": "keyword"},
        "shared": {"type": "boolean"},
        "number": {"type": "integer"},
        "title": {"type": "text"},
        "text": {"type": "text"},
    },
}


_AT_ONCE = 1000


class Texts:
    """One index with a document for each chunk. Use as an async context manager; its errors come as `Unavailable`."""

    def __init__(self, settings: AlgoSettings) -> None:
        self._index = settings.elasticsearch_index
        self._client = http_client(
            base_url=settings.elasticsearch_url,
            auth=(settings.elasticsearch_user, settings.elasticsearch_password.get_secret_value()),
            verify=settings.trust() if settings.elasticsearch_url.startswith("https") else True,
            timeout=httpx.Timeout(20, connect=3),
        )
        self._made = False

    async def __aenter__(self) -> Texts:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def add(self, document: Any, chunks: Sequence[Chunk]) -> None:
        """Have these chunks of a document (a row of `documents`) found; those that are there already are replaced."""
        if not self._made:
            await self._make()
        lines: list[dict[str, Any]] = []
        for chunk in chunks:
            source = {"document_id": str(document["id"]), "owner": str(document["owner"]), "shared": document["shared"]}
            source |= {"number": chunk.number, "title": document["title"], "text": chunk.text}
            lines += [{"index": {"_id": f"{document['id']}:{chunk.number}"}}, source]
        await self._bulk(lines)

    async def search(self, query: str, caller: Caller, most: int) -> list[str]:
        """Ids of up to `most` chunks that the caller may see, the best first."""
        visible = [{"term": {"shared": True}}, {"term": {"owner": str(caller.user_id)}}]
        asked = {
            "size": most,
            "_source": False,
            "query": {
                "bool": {
                    "must": {"multi_match": {"query": query, "fields": ["text", "title^0.5"]}},
                    "should": {"match_phrase": {"text": {"query": query, "slop": 3, "boost": 2}}},
                    "filter": [] if caller.operator else [{"bool": {"should": visible}}],
                }
            },
        }
        answer = await self._ask("POST", "/_search", json=asked, absent={"hits": {"hits": []}})
        return [hit["_id"] for hit in answer["hits"]["hits"]]

    async def remove(self, document_id: UUID, number: int) -> None:
        """Remove a document's first `number` chunks; no error for those that are not there."""
        for first in range(0, number, _AT_ONCE):
            await self._bulk([{"delete": {"_id": f"{document_id}:{each}"}} for each in range(first, min(first + _AT_ONCE, number))])

    async def _bulk(self, lines: Sequence[dict[str, Any]]) -> None:
        """Do what each line says, all that can be done of it; an index that is not there has nothing to delete."""
        body = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
        answer = await self._ask("POST", "/_bulk", content=body, headers={"Content-Type": "application/x-ndjson"})
        results = [result for item in answer["items"] for result in item.values()]
        if failed := next((result for result in results if "error" in result and result["status"] != 404), None):
            raise Unavailable("elasticsearch", failed["error"].get("reason", "a chunk was refused"))

    async def _make(self) -> None:
        with calling("elasticsearch", httpx.HTTPError):
            answer = await self._client.put(f"/{self._index}", json={"mappings": _MAPPINGS})
            if answer.status_code != 400 or "already_exists" not in answer.text:
                answer.raise_for_status()
        self._made = True

    async def _ask(self, method: str, path: str, absent: dict[str, Any] | None = None, **request: Any) -> dict[str, Any]:
        """What the index answers; `absent` where there is no index yet."""
        with calling("elasticsearch", httpx.HTTPError):
            answer = await self._client.request(method, f"/{self._index}{path}", **request)
            if answer.status_code == 404 and absent is not None:
                return absent
            answer.raise_for_status()
            return answer.json()
