"""A client of Elasticsearch that writes numbered documents, for tests of failure.

Environment: URL, the address of the service; ES_USER and ES_PASSWORD, of a user that owns indices voicehelper-* (Secret
elasticsearch-credentials, key application-password); START. Modes: write, read, state, clean.
"""

from __future__ import annotations

import json
import os
import sys
import time

import requests

INDEX = "voicehelper-chaos"
TIMEOUT = 3  # seconds
PAUSE = float(os.environ["PAUSE"])


class Client:
    """One connection at a time, left as soon as anything goes wrong with it."""

    def __init__(self):
        self.url, self.auth = os.environ["URL"], (os.environ["ES_USER"], os.environ["ES_PASSWORD"])
        self.session = requests.Session()

    def call(self, method, path, body=None, allowed=(), timeout=TIMEOUT):
        """The decoded answer.

        :raises requests.RequestException: it was not acknowledged.
        """
        try:
            answer = self.session.request(method, self.url + path, json=body, auth=self.auth, timeout=timeout)
            if answer.status_code not in allowed:
                answer.raise_for_status()
        except requests.RequestException:
            self.session.close()
            raise
        return answer.json()


def write(client):
    """Each number once. An acknowledged document is on the disk of the first copy and of every other one that is in step with it."""
    number, ready = int(os.environ["START"]), False
    while True:
        try:
            if not ready:
                client.call("PUT", f"/{INDEX}", {"settings": {"number_of_shards": 1}}, allowed=[400])
                ready = True
                continue
            client.call("PUT", f"/{INDEX}/_create/{number}", {"number": number})
            print(number, f"{time.time():.3f}", flush=True)
        except requests.RequestException as error:
            print("error", f"{time.time():.3f}", str(error).replace("\n", " ")[:200], flush=True)
            time.sleep(0.2)
        number += ready
        time.sleep(PAUSE)


def read(client):
    """Every number that a search finds, page by page; all shards must have answered."""
    client.call("POST", f"/{INDEX}/_refresh", timeout=30)
    last = -1
    while True:
        query = {"size": 1000, "sort": ["number"], "query": {"range": {"number": {"gt": last}}}, "_source": False}
        found = client.call("POST", f"/{INDEX}/_search?allow_partial_search_results=false", query, timeout=30)
        if found["_shards"]["failed"]:
            sys.exit(f"{found['_shards']['failed']} shards did not answer")
        for hit in found["hits"]["hits"]:
            last = hit["sort"][0]
            print(last)
        if len(found["hits"]["hits"]) < 1000:
            return


def state(client):
    """The member that holds the index's first copy takes the writes; whole: every shard has all its copies, none is on its way."""
    shards = client.call("GET", f"/_cat/shards/{INDEX}?h=prirep,state,node&format=json", allowed=[404])
    first = [shard["node"] for shard in shards if shard["prirep"] == "p"] if isinstance(shards, list) else []
    health = client.call("GET", "/_cluster/health")
    moving = {key: health[key] for key in ("relocating_shards", "initializing_shards", "unassigned_shards") if health[key]}
    whole = health["status"] == "green" and not moving
    why = f"{health['status']}, {health['number_of_nodes']} nodes {moving}"
    print(json.dumps({"leader": first[0] if first else "", "whole": whole, "why": why}))


def clean(client):
    client.call("DELETE", f"/{INDEX}", allowed=[404], timeout=30)


{"write": write, "read": read, "state": state, "clean": clean}[sys.argv[1]](Client())
