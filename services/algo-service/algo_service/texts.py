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

# `cjk` takes Latin words as they are and CJK text by pairs of characters: both engines have it without a plugin.
_MAPPINGS = {
    "dynamic": "strict",
    "properties": {
        "document_id": {"type": "keyword"},
        "owner": {"type": "keyword"},
        "shared": {"type": "boolean"},
        "number": {"type": "integer"},
        "title": {"type": "text", "analyzer": "cjk"},
        "text": {"type": "text", "analyzer": "cjk"},
    },
}


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
        lines = []
        for chunk in chunks:
            lines.append({"index": {"_id": f"{document['id']}:{chunk.number}"}})
            lines.append(
                {
                    "document_id": str(document["id"]),
                    "owner": str(document["owner"]),
                    "shared": document["shared"],
                    "number": chunk.number,
                    "title": document["title"],
                    "text": chunk.text,
                }
            )
        body = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        answer = await self._ask("POST", "/_bulk", content=body.encode(), headers={"Content-Type": "application/x-ndjson"})
        if answer["errors"]:
            reason = next(item["index"]["error"] for item in answer["items"] if "error" in item["index"])
            raise Unavailable("elasticsearch", reason.get("reason", "a chunk was refused"))

    async def search(self, query: str, caller: Caller, most: int) -> list[str]:
        """Ids of up to `most` chunks that the caller may see, the best first."""
        visible = [{"term": {"shared": True}}, {"term": {"owner": str(caller.user_id)}}]
        asked = {
            "size": most,
            "_source": False,
            "query": {
                "bool": {
                    "must": {"multi_match": {"query": query, "fields": ["text", "title^0.5"]}},
                    "filter": [] if caller.operator else [{"bool": {"should": visible}}],
                }
            },
        }
        answer = await self._ask("POST", "/_search", json=asked, absent={"hits": {"hits": []}})
        return [hit["_id"] for hit in answer["hits"]["hits"]]

    async def remove(self, document_id: UUID) -> None:
        """Remove a document's chunks; no error where there are none."""
        asked = {"query": {"term": {"document_id": str(document_id)}}}
        answer = await self._ask(
            "POST", "/_delete_by_query?refresh=true&conflicts=proceed", json=asked, absent={"failures": [], "version_conflicts": 0}
        )
        if answer["failures"] or answer["version_conflicts"]:
            raise Unavailable("elasticsearch", "not every chunk was removed")

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
