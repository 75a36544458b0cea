"""Commands of the deployment guide on the application, word for word, under requests of a client that sees none of them fail."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from lab import workload
from tests.chaos.cluster import APPLICATION as NAMESPACE
from tests.chaos.cluster import NAMESPACE as STORAGE
from tests.chaos.cluster import ClusterError, kubectl, lab, objects, wait
from tests.demo.reach import forwarded
from tests.pods import Pod, running

pytestmark = pytest.mark.long

SERVES_SECONDS = 300  # until what was scaled or rolled serves, on a crowded machine
CLIENT = """
import json, os, sys, time, urllib.request
ASKED = {
    "gateway": ("http://gateway:8080/api/v1/health", None),
    "bge-service": ("http://bge-service:8080/embed", {"texts": ["Is anybody there?"]}),
    "faiss-service": ("http://faiss-client:8081/stats", None),
}
while True:
    for name, (url, words) in ASKED.items():
        body = None if words is None else json.dumps(words).encode()
        try:
            request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=20) as answer:
                print(name, answer.status, time.time(), flush=True)
        except OSError as error:
            print(name, "error", time.time(), error, flush=True)
    time.sleep(0.25)
"""


def type_in(line: str, seconds: float = 60) -> str:
    """Run a line of the guide."""
    program, *words = shlex.split(line)
    assert program == "kubectl"
    return kubectl(*words, seconds=seconds)


@pytest.fixture
def client() -> Iterator[Callable[[], None]]:
    """Asks gateway, bge-service and faiss-service in turn, and gives what asserts that each was always answered."""
    asks = Pod(
        "guide-client",
        "deployment",
        "toolbox",
        STORAGE,
        access=["gateway", "bge-service", "faiss-service"],
        command=["python3", "-c", CLIENT],
    )

    def answers() -> list[list[str]]:
        """What it saw: service, status or `error`, moment, reason."""
        return [line.split(maxsplit=3) for line in asks.lines()]

    def undisturbed() -> None:
        before = len(answers())
        wait(lambda: len(answers()) > before + 6, 60, "the client goes on")
        bad = [words for words in answers() if float(words[2]) > since and words[1] != "200"]
        assert not bad, bad[:5]

    with running(asks):
        wait(lambda: len({words[0] for words in answers() if words[1] == "200"}) == 3, SERVES_SECONDS, "each service answers")
        since = time.time()
        yield undisturbed


@pytest.mark.parametrize(
    ("kind", "name", "replicas"), [("deployment", "gateway", 5), ("deployment", "bge-service", 4), ("statefulset", "faiss-service", 3)]
)
def test_scaled_as_in_the_guide_all_of_them_serve(client, kind, name, replicas):
    (before,) = objects(kind, name, f"--namespace={NAMESPACE}")
    try:
        type_in(f"kubectl scale {kind} {name} -n {NAMESPACE} --replicas={replicas}")

        def serve() -> bool:
            (now,) = objects(kind, name, f"--namespace={NAMESPACE}")
            return now["status"].get("readyReplicas") == replicas

        wait(serve, SERVES_SECONDS, f"{name}: {replicas} replicas that are ready")
        client()
    finally:
        kubectl("scale", kind, name, f"--namespace={NAMESPACE}", f"--replicas={before['spec']['replicas']}")
    wait(
        lambda: objects(kind, name, f"--namespace={NAMESPACE}")[0]["status"].get("replicas") == before["spec"]["replicas"],
        SERVES_SECONDS,
        name,
    )
    client()


def test_an_image_that_is_not_there_stops_nothing_and_is_undone(client):
    type_in(f"kubectl set image deployment/gateway gateway=voicehelper/gateway:v2.1.0 -n {NAMESPACE}")
    try:
        with pytest.raises(ClusterError):
            type_in(f"kubectl rollout status deployment/gateway -n {NAMESPACE} --timeout=20s", seconds=40)
        client()
    finally:
        type_in(f"kubectl rollout undo deployment/gateway -n {NAMESPACE}")
    assert "successfully rolled out" in type_in(f"kubectl rollout status deployment/gateway -n {NAMESPACE}", seconds=SERVES_SECONDS)
    client()


def test_another_image_is_rolled_out_and_undone(client):
    """The same content by its digest is another image to Kubernetes."""
    pods = objects("pods", f"--namespace={NAMESPACE}", "--selector=app.kubernetes.io/name=gateway")
    status = pods[0]["status"]["containerStatuses"][0]
    image = f"{status['image'].rpartition(':')[0]}@{status['imageID'].rpartition('@')[2]}"
    type_in(f"kubectl set image deployment/gateway gateway={image} -n {NAMESPACE}")
    try:
        assert "successfully rolled out" in type_in(f"kubectl rollout status deployment/gateway -n {NAMESPACE}", seconds=SERVES_SECONDS)
        client()
    finally:
        type_in(f"kubectl rollout undo deployment/gateway -n {NAMESPACE}")
    type_in(f"kubectl rollout status deployment/gateway -n {NAMESPACE}", seconds=SERVES_SECONDS)
    client()


def test_a_setting_is_patched_and_rolled_out(client):
    (config,) = objects("configmap", "voicehelper-config", f"--namespace={NAMESPACE}")
    level = config["data"]["LOG_LEVEL"]

    def roll(chosen: str) -> None:
        type_in(f'kubectl patch configmap voicehelper-config -n {NAMESPACE} --patch \'{{"data":{{"LOG_LEVEL":"{chosen}"}}}}\'')
        type_in(f"kubectl rollout restart deployment/gateway -n {NAMESPACE}")
        type_in(f"kubectl rollout status deployment/gateway -n {NAMESPACE}", seconds=SERVES_SECONDS)

    try:
        roll("debug")
        assert '"debug"' in type_in(f"kubectl logs deployment/gateway -n {NAMESPACE}").lower()
        client()
    finally:
        roll(level)
    client()


@pytest.mark.parametrize(
    ("service", "port", "path"), [("gateway", 8080, "/health"), ("bge-service", 8080, "/health"), ("faiss-client", 8081, "/health")]
)
def test_ports_are_forwarded(service, port, path):
    with forwarded(service, port) as url:
        assert requests.get(url + path, timeout=30).status_code == 200


def test_logs_are_followed():
    command = [*workload.kubectl(lab().topology.inventory), "logs", "-f", "deployment/gateway", "-n", NAMESPACE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline()
        finally:
            process.terminate()
