"""Follows the lifecycle policies of data streams, where the server itself does not: rolling over and deletion."""

from __future__ import annotations

import itertools
import json
import os
import re
import time
from typing import Any

from programs.elasticsearch.contents import Server

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
CONDITIONS = {"max_age": "max_age", "max_docs": "max_docs", "max_size": "max_size", "max_primary_shard_size": "max_size"}


def seconds(text: str) -> float:
    """A span of time as Elasticsearch writes it.

    :raises ValueError: it is none.
    """
    if not (found := re.fullmatch(r"(\d+)(ms|s|m|h|d)", text)):
        raise ValueError(f"found {text!r} as a span of time; wanted a number and one of {', '.join(SECONDS)}")
    return int(found[1]) * SECONDS[found[2]]


def follow(server: Server, stream: dict[str, Any], phases: dict[str, Any]) -> None:
    """One data stream: a new generation when it is time, then away with those that grew old. A generation's age counts from its end."""
    name, generations = stream["name"], [index["index_name"] for index in stream["indices"]]
    rollover = phases.get("hot", {}).get("actions", {}).get("rollover")
    filled = server.call("GET", f"/{generations[-1]}/_count")["count"]
    if rollover and filled:
        done = server.call("POST", f"/{name}/_rollover", {"conditions": {CONDITIONS[key]: value for key, value in rollover.items()}})
        print(f"{name}: {'rolled over to ' + done['new_index'] if done['rolled_over'] else 'goes on in ' + generations[-1]}")
    if "delete" not in phases:
        return
    created = server.call("GET", f"/{name}/_settings/index.creation_date?flat_settings=true")
    for index, successor in itertools.pairwise(generations):
        ended = int(created[successor]["settings"]["index.creation_date"]) / 1000
        if time.time() - ended > seconds(phases["delete"]["min_age"]):
            server.call("DELETE", f"/{index}")
            print(f"{name}: deleted {index}")


def main() -> None:
    server, policies = Server(), json.loads(os.environ["LIFECYCLES"])
    for template in json.loads(os.environ["TEMPLATES"]).values():
        if "lifecycle" in template and "data_stream" in template:
            for stream in server.call("GET", f"/_data_stream/{','.join(template['index_patterns'])}")["data_streams"]:
                follow(server, stream, policies[template["lifecycle"]])


if __name__ == "__main__":
    main()
