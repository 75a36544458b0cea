"""Measure on the lab's cluster how fast the services answer: `make load`. It writes its section of docs/benchmarks.md.

Every measurement is bounded in time; what it puts in it removes. Services are asked by pods of the cluster. Embeddings and searches are
made by the bare libraries too, in the same images on the same cores, in turn with the service.
"""

from __future__ import annotations

import base64
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests
import yaml

from lab.state import LabError
from tests.bench import report
from tests.bench.__main__ import PAGE
from tests.chaos.cluster import APPLICATION, NAMESPACE, PROJECT, ClusterError
from tests.demo.__main__ import CALL_SECONDS, DOCUMENTS, QUESTIONS, SAID, USER, password, service_port, spoken_call
from tests.demo.gateway import Gateway
from tests.demo.reach import forwarded
from tests.load import PROGRAMS
from tests.pods import Pod, running

HERE = Path(__file__).parent
SECONDS = 15  # of each measurement
ROUNDS = 3  # of the service and the bare library in turn
BATCH = 32
VECTORS = {"Flat": 50_000, "IVF": 50_000}
SEARCH_PORT = 8099
BEST = 5  # passages that an answer is made of, at most
CALLS = 3
TEXTS = [
    f"Parcel {number} leaves the warehouse on the day of its order, if that came before two in the afternoon." for number in range(BATCH)
]


def note(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def figures(told: dict[str, Any], key: str = "whole") -> dict[str, float]:
    """p50, p95 and p99 in milliseconds, requests a second, and how many were not answered as wanted.

    Raises ClusterError where none was.
    """
    taken = told[key]
    if not taken:
        raise ClusterError(f"no request was answered: {told['errors']}")
    cuts = statistics.quantiles(taken, n=100, method="inclusive") if len(taken) > 1 else taken * 99
    return {
        **{f"p{at}": round(1000 * cuts[at - 1], 1) for at in (50, 95, 99)},
        "rate": round(len(told["whole"]) / told["seconds"], 2),
        "count": len(taken),
        "errors": sum(told.get("errors", {}).values()),
    }


def together(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What several rounds told, as one."""
    return {
        "whole": [taken for told in rounds for taken in told["whole"]],
        "seconds": sum(told["seconds"] for told in rounds),
        "errors": {f"{number} {what}": count for number, told in enumerate(rounds) for what, count in told["errors"].items()},
    }


def ask(
    pod: Pod, url: str, bodies: Sequence[Any], path: str, *, clients: int = 1, seconds: float = SECONDS, first: str = "", **headers: str
) -> dict:
    """What clients in a pod see of requests."""
    kinds = headers or {"Content-Type": "application/json"}
    asked = [{"method": "POST", "path": path, "body": body, "headers": kinds} for body in bodies]
    return pod.run(
        PROGRAMS["client"], {"url": url, "requests": asked, "clients": clients, "seconds": seconds, "first": first}, seconds=seconds + 180
    )


def address(service: str) -> str:
    """The URL of a service, inside the cluster."""
    return f"http://{service}.{APPLICATION}:{service_port(service)}"


def beside(service: list[dict], bare: list[dict], each: int) -> dict[str, float]:
    """Milliseconds of a batch, by the service and by the library, and what the service takes more, as a share: medians of the rounds."""
    with_service = statistics.median(told["seconds"] / len(told["whole"]) * each for told in service)
    without = statistics.median(told["seconds"] / len(told["whole"]) for told in bare)
    return {"service": round(1000 * with_service, 1), "bare": round(1000 * without, 1), "more": round(with_service / without - 1, 3)}


def embed(client: Pod, results: dict) -> None:
    """bge-service, by its client and beside the bare model."""
    url, one = address("bge-service"), json.dumps({"texts": TEXTS[:1]})
    results["requests"]["embed, one text"] = figures(ask(client, url, [one], "/embed"))
    results["requests"]["embed, 8 clients of one text"] = figures(ask(client, url, [one], "/embed", clients=8))
    bare_pod = Pod("load-embed", "deployment", "bge-service", APPLICATION)
    service, bare = [], []
    with running(bare_pod):
        for _ in range(ROUNDS):
            service.append(ask(client, url, [json.dumps({"texts": TEXTS})], "/embed", seconds=SECONDS / 2))
            bare.append(bare_pod.run(PROGRAMS["bare_embed"], {"texts": TEXTS, "seconds": SECONDS / 2}))
    results["requests"][f"embed, {BATCH} texts"] = figures(together(service))
    results["beside"][f"embed, {BATCH} texts in a request"] = beside(service, bare, 1)


def search(results: dict) -> None:
    """faiss-service over an index of its own, by clients beside it and beside the bare index."""
    for kind, vectors in VECTORS.items():
        settings = {
            "DATA_PATH": "/scratch/index",
            "PORT": str(SEARCH_PORT),
            "MEMBER": "load-0",
            "MEMBER_URL": "",
            "FAISS_INDEX_TYPE": kind,
            "VECTOR_DIMENSION": "1024",
            "MAX_VECTORS": str(vectors),
            "TRAIN_AT": str(vectors),
        }
        pod = Pod("load-search", "statefulset", "faiss-service", APPLICATION, memory="2Gi", environment=settings)
        order = {"vectors": vectors, "queries": BATCH, "seconds": SECONDS / 2, "url": f"http://127.0.0.1:{SEARCH_PORT}"}
        name = f"{vectors:,} vectors of 1024 dimensions, {'exact' if kind == 'Flat' else '100 lists, 10 looked at'}"
        with running(pod):
            pod.run(PROGRAMS["bare_search"], order, "fill", seconds=600)
            queries = pod.run(PROGRAMS["bare_search"], order, "queries")
            pod.begin("python3", "-m", "faiss_service")
            pod.run(PROGRAMS["fetch"], {"url": order["url"] + "/ready", "seconds": 120})
            results["requests"][f"search, {name}"] = figures(ask(pod, order["url"], queries, "/search"))
            service, bare = [], []
            for _ in range(ROUNDS):
                service.append(ask(pod, order["url"], queries, "/search", clients=BATCH, seconds=SECONDS / 2))
                bare.append(pod.run(PROGRAMS["bare_search"], order, "search"))
            results["requests"][f"search, {BATCH} clients, {name}"] = figures(together(service))
            results["beside"][f"search, {BATCH} at once, {name}"] = beside(service, bare, BATCH)
            results["recall"][f"the ten nearest of brute force, {name}"] = pod.run(PROGRAMS["bare_search"], order, "recall")["recall"]


def embedded(client: Pod, texts: Sequence[str]) -> list[list[float]]:
    """Vectors of texts, of length 1."""
    told = client.run(PROGRAMS["fetch"], {"url": address("bge-service") + "/embed", "body": {"texts": list(texts)}})
    return json.loads(base64.b64decode(told["base64"]))["embeddings"]


def passages(client: Pod, results: dict) -> None:
    """Which share of questions find their passage among the first five, by the model of the site."""
    for language, pairs in yaml.safe_load((HERE / "questions.yml").read_text()).items():
        texts = {side: [pair[side] for pair in pairs] for side in ("question", "passage")}
        asked, known = (embedded(client, texts[side]) for side in ("question", "passage"))
        found = 0
        for place, question in enumerate(asked):
            scores = [sum(a * b for a, b in zip(question, passage, strict=True)) for passage in known]
            found += sum(score > scores[place] for score in scores) < BEST
        results["recall"][f"the passage of a question among the first {BEST} of {len(pairs)}, {language}"] = found / len(pairs)


def speech(client: Pod, results: dict) -> None:
    """tts-service and speech-service."""
    spoken = ask(client, address("tts-service"), [json.dumps({"text": SAID})], "/synthesize")
    results["requests"]["synthesise a sentence"] = figures(spoken)
    recording = client.run(PROGRAMS["fetch"], {"url": address("tts-service") + "/synthesize", "body": {"text": SAID}})["base64"]
    heard = ask(client, address("speech-service"), [{"base64": recording}], "/transcribe", **{"Content-Type": "audio/wav"})
    results["requests"]["transcribe it"] = figures(heard)


def assistant(client: Pod, gateway: Gateway, results: dict) -> None:
    """Searches, answers and calls, through the gateway."""
    allowed = {"Content-Type": "application/json", "Authorization": f"Bearer {gateway.token}"}
    bodies = [json.dumps({"query": question, "top_k": 3}) for question in QUESTIONS]
    results["requests"]["query: passages for a question"] = figures(ask(client, address("gateway"), bodies, "/api/v1/search", **allowed))
    told = ask(client, address("gateway"), bodies, "/api/v1/chat/stream", seconds=2 * SECONDS, first="event: token", **allowed)
    results["requests"]["chat: first token"] = figures(told, "first")
    results["requests"]["chat: whole answer"] = figures(told)
    recording = gateway.send("POST", "/voice/synthesize", json={"text": SAID}).content
    calls = [spoken_call(gateway, recording, CALL_SECONDS)["first_audio_seconds"] for _ in range(CALLS)]
    results["requests"]["call: first audio after the last word"] = figures({"whole": calls, "seconds": sum(calls)})


def measure(results: dict) -> None:
    """All of it."""
    client = Pod("load-client", "deployment", "toolbox", NAMESPACE, access=["gateway", "bge-service", "speech-service", "tts-service"])
    with running(client):
        note("embeddings")
        embed(client, results)
        passages(client, results)
        note("speech")
        speech(client, results)
        note("answers and calls")
        with forwarded("gateway", service_port("gateway")) as url:
            gateway, held = Gateway(url, USER, password()), []
            try:
                for path in DOCUMENTS:
                    held.append(gateway.upload(path))
                assistant(client, gateway, results)
            finally:
                for document in held:
                    gateway.send("DELETE", f"/documents/{document}")
    note("searches")
    search(results)


def main() -> int:
    """Entry point."""
    results: dict[str, Any] = {"date": time.strftime("%Y-%m-%d"), "requests": {}, "beside": {}, "recall": {}}
    try:
        measure(results)
    except (ClusterError, LabError, RuntimeError, requests.RequestException) as error:
        print(f"load: {error}", file=sys.stderr)
        return 1
    PAGE.write_text(report.with_services(PAGE.read_text(), results))
    note(f"{PAGE.relative_to(PROJECT)} has it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
