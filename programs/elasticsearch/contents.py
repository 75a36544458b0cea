"""A server of Elasticsearch or OpenSearch as backup and restore see it, and the fingerprints of what it holds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from programs import http
from programs.archive import Contents, fingerprint
from programs.waiting import until

Checkpoints = dict[str, dict[str, int]]  # index → shard → number of the last operation that all its copies have

PAGE, WHOLE = 1000, 10_000  # documents at a time, and of each shard: more of them are only counted


class Server(http.Server):
    """The server at ES_URL, as the user ES_USER where there is one."""

    def __init__(self) -> None:
        account = (os.environ["ES_USER"], os.environ["ES_PASSWORD"]) if "ES_USER" in os.environ else None
        super().__init__(os.environ["ES_URL"], account, timeout=120)

    def wait(self, seconds: float) -> None:
        """Until it serves."""

        def say(error: Exception) -> None:
            print(f"waiting for {self.url}: {str(error)[:160]}", flush=True)

        healthy = "/_cluster/health?wait_for_status=yellow&timeout=5s"
        until(lambda: self.call("GET", healthy), seconds, pause=5, faults=http.FAULTS, say=say)

    def names(self) -> list[str]:
        """Indices and data streams, without the server's own."""
        found = self.call("GET", "/_resolve/index/*")
        names = [item["name"] for kind in ("indices", "data_streams") for item in found[kind] if "data_stream" not in item]
        return sorted(name for name in names if not name.startswith("."))

    def checkpoints(self) -> Checkpoints:
        """Of all indices, those of data streams too."""
        names = ",".join(self.names())
        found = self.call("GET", f"/{names}/_stats?level=shards&expand_wildcards=open,hidden")["indices"] if names else {}
        return {
            index: {
                shard: copy["seq_no"]["global_checkpoint"]
                for shard, copies in stats["shards"].items()
                for copy in copies
                if copy["routing"]["primary"]
            }
            for index, stats in found.items()
        }

    def contents(self, checkpoints: Checkpoints) -> Contents:
        """Fingerprints of the documents of each index as far as its checkpoints, and of the declared templates."""
        templates = self.call("GET", "/_index_template")["index_templates"]
        own = [item for item in templates if not item["index_template"].get("_meta", {}).get("managed")]
        found = {"index templates": fingerprint(json.dumps(item, sort_keys=True) for item in own)}
        for index, shards in checkpoints.items():
            self.call("POST", f"/{index}/_refresh")
            digest = fingerprint(document for shard, last in shards.items() for document in self._documents(index, shard, last))
            count = sum(self._count(index, shard, last) for shard, last in shards.items())
            found[f"documents of {index}"] = {**digest, "count": count}
        return found

    def _count(self, index: str, shard: str, last: int) -> int:
        query = {"query": {"range": {"_seq_no": {"lte": last}}}}
        return self.call("POST", f"/{index}/_count?preference=_shards:{shard}", query)["count"]

    def _documents(self, index: str, shard: str, last: int) -> Iterator[str]:
        """The newest documents of a shard, as texts."""
        first = max(last - WHOLE, -1)
        order = [{"_seq_no": {"order": "asc", "unmapped_type": "long"}}]  # an index that never had a document has no mapping
        while True:
            query: dict[str, Any] = {"query": {"range": {"_seq_no": {"gt": first, "lte": last}}}, "sort": order, "size": PAGE}
            hits = self.call("POST", f"/{index}/_search?preference=_shards:{shard}", query)["hits"]["hits"]
            for hit in hits:
                yield f"{hit['_id']} {json.dumps(hit['_source'], sort_keys=True)}"
            if len(hits) < PAGE:
                return
            first = hits[-1]["sort"][0]
