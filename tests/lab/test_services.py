"""The services in use: each is killed, bge-service grows under load, another maker's image takes a place by inventory alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from artifacts import oci, podman, process
from artifacts.registry import Registry
from artifacts.store import Store
from tests.chaos.cluster import APPLICATION, kill, kubectl, objects, wait
from tests.chaos.cluster import NAMESPACE as STORAGE
from tests.chaos.operations import changed, run
from tests.chaos.stream import FIRST_NUMBER, judged
from tests.demo.__main__ import USER, service_port
from tests.load import PROGRAMS
from tests.pods import Pod, running

pytestmark = pytest.mark.long

HERE = Path(__file__).parent
SPACE = f"--namespace={APPLICATION}"
BACK_SECONDS = 240  # until a service that was killed serves, on a crowded machine
SILENT_SECONDS = 120  # that a client of a single replica asks again at most
GROWN_SECONDS = 240
SHRUNK_SECONDS = 300 + 240  # after the autoscaler's own patience
IMAGE = "registry.example.com/another/embeddings:1"


class Documents:
    """A client that gives documents to the gateway, one after the other, and never gives one up."""

    def __init__(self) -> None:
        url = f"http://gateway.{APPLICATION}:{service_port('gateway')}/api/v1"
        self.program = HERE / "clients/documents.py"
        self.pod = Pod(
            "documents",
            "deployment",
            "toolbox",
            STORAGE,
            access=["gateway"],
            command=["python3", "-c", self.program.read_text(), "write"],
            environment={"URL": url, "USER": USER, "PASSWORD": ("voicehelper-secrets", "OPERATOR_PASSWORD"), "START": str(FIRST_NUMBER)},
        )

    def lines(self) -> list[list[str]]:
        return [line.split() for line in self.pod.lines()]

    def taken(self) -> list[int]:
        return [int(words[0]) for words in self.lines() if words[0].isdecimal()]

    def indexed(self) -> set[int]:
        return {int(word) for word in self.pod.ask(self.program, "read").split()}


@pytest.fixture
def documents() -> Iterator[Documents]:
    """Documents are being given; what was given is removed."""
    client = Documents()
    with running(client.pod):
        wait(client.taken, BACK_SECONDS, "a document is taken")
        try:
            yield client
        finally:
            client.pod.ask(client.program, "clean", seconds=600)


def containers() -> dict[str, tuple[str, str, int]]:
    """Of the first pod of each workload of the application: its node, the container's id, how often it was started again."""
    found = {}
    for pod in objects("pods", SPACE, "--field-selector=status.phase=Running"):
        name = pod["metadata"]["labels"]["app.kubernetes.io/name"]
        status = pod["status"].get("containerStatuses", [])
        if pod["metadata"].get("ownerReferences") and status and "deletionTimestamp" not in pod["metadata"]:
            found.setdefault(name, (pod["spec"]["nodeName"], status[0]["containerID"].partition("://")[2], status[0]["restartCount"]))
    return found


def workloads() -> dict[str, dict]:
    return {item["metadata"]["name"]: item for item in objects("deployments,statefulsets", SPACE)}


def serve() -> bool:
    """Whether every workload has all its pods ready."""
    return all(item["status"].get("readyReplicas", 0) == item["spec"]["replicas"] for item in workloads().values())


def test_no_document_is_lost_and_a_client_only_asks_again_when_services_are_killed(documents):
    since = time.time()
    names = sorted(set(containers()) & {*workloads()})
    assert len(names) >= 11, names
    for name in names:
        node, container, restarts = containers()[name]
        kill(node, container)
        wait(
            lambda name=name, restarts=restarts: containers().get(name, ("", "", 0))[2] > restarts, BACK_SECONDS, f"{name} is started again"
        )
        wait(serve, BACK_SECONDS, f"{name} serves again")
        moment = time.time()
        wait(
            lambda moment=moment: float(documents.lines()[-1][1]) > moment and documents.lines()[-1][0].isdecimal(),
            BACK_SECONDS,
            f"{name}: it goes on",
        )
        print(f"   {name}: killed and back, {len(documents.taken())} documents taken", flush=True)
    wait(lambda: set(documents.taken()[:-1]) <= documents.indexed(), BACK_SECONDS, "every document that was taken is indexed", pause=5)
    verdict = judged(documents.lines(), set(documents.taken()), since)
    print(f"   {verdict.acknowledged} documents, {verdict.errors} attempts that failed, at most {verdict.silence:.1f} s without one taken")
    assert verdict.silence < SILENT_SECONDS


def replicas() -> int:
    return workloads()["bge-service"]["status"].get("readyReplicas", 0)


def test_bge_service_grows_under_load_and_shrinks_after_it():
    (scaler,) = objects("hpa", "bge-service", SPACE)
    least, most = scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]
    url, body = f"http://bge-service:{service_port('bge-service')}", json.dumps({"texts": ["Is anybody there?"] * 32})
    order = {
        "url": url,
        "clients": 4,
        "seconds": GROWN_SECONDS,
        "first": "",
        "requests": [{"method": "POST", "path": "/embed", "body": body}],
    }
    client = Pod("load-client", "deployment", "toolbox", STORAGE, access=["bge-service"])

    def limit(highest: int) -> None:
        kubectl("patch", "hpa", "bge-service", SPACE, "--patch", json.dumps({"spec": {"maxReplicas": highest}}))

    limit(least + 1)
    try:
        with running(client):
            client.begin("sh", "-c", f"echo '{json.dumps(order)}' | python3 -c \"$0\"", PROGRAMS["client"].read_text())
            wait(lambda: replicas() == least + 1, GROWN_SECONDS, "one replica more serves")
        wait(
            lambda: replicas() == least and workloads()["bge-service"]["spec"]["replicas"] == least,
            SHRUNK_SECONDS,
            "as few as before",
            pause=2,
        )
    finally:
        limit(most)


@pytest.fixture
def image() -> Iterator[str]:
    """An image of another maker in the site's registry."""
    store = Store.default()
    with store.exclusive(), Registry.serve(store) as registry:
        storage = store.work / "own-image"
        env = podman.environment(store, registry.address, storage=storage)
        log, local = store.logs / "own-image.log", "localhost/own-image"
        podman.build(HERE / "own_image", local, env=env, log=log)
        process.run(["podman", "push", "--tls-verify=false", local, f"docker://{registry.location(IMAGE)}"], log=log, env=env)
        process.run(["podman", "rmi", "--force", local], log=log, env=env)
    yield IMAGE
    with store.exclusive(), Registry.serve(store) as registry:
        name, _, tag = IMAGE.rpartition(":")
        accept = {"Accept": ", ".join(oci.MANIFEST_TYPES)}
        digest = httpx.head(f"http://{registry.address}/v2/{name}/manifests/{tag}", headers=accept).headers["Docker-Content-Digest"]
        assert httpx.delete(f"http://{registry.address}/v2/{name}/manifests/{digest}").is_success


def test_the_image_of_another_maker_takes_a_place_by_inventory_alone(image):
    def serving() -> str:
        (deployment,) = objects("deployment", "bge-service", SPACE)
        return deployment["spec"]["template"]["spec"]["containers"][0]["image"]

    before = serving()
    try:
        run("playbooks/services.yml", "-e", f"bge_service_image={image}")
        assert serving() == image
        run("playbooks/verify.yml", "-e", f"bge_service_image={image}")
        assert not changed(run("playbooks/services.yml", "-e", f"bge_service_image={image}"))
    finally:
        run("playbooks/services.yml")
    assert serving() == before
    run("playbooks/verify.yml")
