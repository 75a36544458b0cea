"""FAISS without the service, and the index that both search: `fill`, `queries`, `search`, `recall`. The image of faiss-service runs it.

fill: vectors in DATA_PATH, for the service to start from. queries: what a client sends it. search: all of them in one call, in a loop.
recall: which share of the best ten of brute force the service finds. Standard input is one line of JSON, {vectors, queries, seconds, url};
so is standard output.
"""

import asyncio
import json
import os
import sys
import time
import urllib.request
from pathlib import Path

import faiss
import numpy as np

from faiss_service.operations import Add
from faiss_service.settings import FaissSettings
from faiss_service.store import Store

TOPICS = 200  # vectors of texts lie in heaps, those of dice do not
PART = 2000
BEST = 10


def made(count, dimension, seed):
    """Vectors (count, dimension) of length 1, in heaps, the same for the same seed."""
    heaps = np.random.default_rng(0).standard_normal((TOPICS, dimension), np.float32)
    dice = np.random.default_rng(seed)
    vectors = heaps[dice.integers(TOPICS, size=count)] + 0.7 * dice.standard_normal((count, dimension), np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


async def fill(order, settings):
    """The index on the disk, trained where the settings say so."""
    store = Store(settings, sys.exit)
    await store.open()
    vectors = made(order["vectors"], settings.vector_dimension, 1)
    for first in range(0, len(vectors), PART):
        part = vectors[first : first + PART]
        await store.change(Add([f"v{first + place}" for place in range(len(part))], part, None))
    while settings.faiss_index_type == "IVF" and not store.index.trained:
        await asyncio.sleep(0.2)
    await store.close()
    return {"trained": store.index.trained}


def queries(order, settings):
    """The bodies of the requests."""
    vectors = made(order["queries"], settings.vector_dimension, 2)
    return [json.dumps({"query_vector": vector.tolist(), "k": BEST}) for vector in vectors]


def search(order, settings):
    """Seconds of each call with all queries, of the index that the service has read too."""
    (file,) = Path(os.environ["DATA_PATH"]).glob("**/vectors*")
    index = faiss.read_index(str(file))
    faiss.omp_set_num_threads(settings.threads)
    asked = made(order["queries"], settings.vector_dimension, 2)
    parameters = faiss.SearchParametersIVF(nprobe=settings.faiss_nprobe) if settings.faiss_index_type == "IVF" else None
    whole, began = [], time.monotonic()
    while (now := time.monotonic()) < began + order["seconds"]:
        index.search(asked, BEST, params=parameters)
        whole.append(time.monotonic() - now)
    return {"seconds": time.monotonic() - began, "whole": whole}


def recall(order, settings):
    """Which share of them it is."""
    vectors, asked = (made(order[name], settings.vector_dimension, seed) for name, seed in (("vectors", 1), ("queries", 2)))
    wanted = np.argsort(-(asked @ vectors.T), axis=1)[:, :BEST]
    found = []
    for body in queries(order, settings):
        request = urllib.request.Request(order["url"] + "/search", body.encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            found.append({result["id"] for result in json.load(answer)["results"]})
    shares = [len({f"v{number}" for number in row} & ids) / BEST for row, ids in zip(wanted, found, strict=True)]
    return {"recall": float(np.mean(shares))}


def main():
    """Entry point."""
    order, settings = json.loads(sys.stdin.readline()), FaissSettings()
    if sys.argv[1] == "fill":
        told = asyncio.run(fill(order, settings))
    else:
        told = {"queries": queries, "search": search, "recall": recall}[sys.argv[1]](order, settings)
    print(json.dumps(told))


main()
