"""The worker of algo-service is given what it reads, and no more."""

from __future__ import annotations

import pytest

from tests.render.rendering import BUNDLES, Site
from tests.render.test_rotation import introduced
from tests.render.workloads import containers, of_kind, template

SECRETS = {
    "POSTGRES_PASSWORD",
    "MINIO_SECRET_KEY",
    "NEO4J_PASSWORD",
    "ELASTICSEARCH_PASSWORD",
    "NATS_PASSWORD",
    "KAFKA_PASSWORD",
    "RABBITMQ_PASSWORD",
}
NOT_ITS_OWN = ("REDIS_", "LLM_", "OPERATOR_", "SPEECH_", "TTS_", "JWT_", "QUERY_", "CONTEXT_")


@pytest.fixture
def deployments(site):
    return {item["metadata"]["name"]: item for item in of_kind(site.objects, "Deployment")}


def variables(item):
    (container,) = containers(item)
    return {entry["name"]: entry for entry in container["env"]}


def secret(entry):
    return "secretKeyRef" in entry.get("valueFrom", {})


def uses(site, item):
    prefix = f"{site.value('{{ platform_domain }}')}/access-"
    return {name.removeprefix(prefix) for name in template(item)["metadata"]["labels"] if name.startswith(prefix)}


def test_the_worker_gets_what_it_reads(site, deployments):
    api, worker = deployments["algo-service"], deployments["algo-worker"]
    given = variables(worker)
    assert {name for name, entry in given.items() if secret(entry)} == SECRETS
    assert not [name for name in given if name.startswith(NOT_ITS_OWN)]
    read = site.value("{{ algo_service_worker_reads }}", "algo_service")
    assert len(read) == len(set(read)) and set(read) <= given.keys(), "a name that the API is not told either"
    told = variables(api)
    assert {name: entry for name, entry in given.items() if name != "PORT"}.items() <= told.items()
    assert {"REDIS_PASSWORD", "LLM_API_KEY", "OPERATOR_PASSWORD"} <= {name for name, entry in told.items() if secret(entry)}


def test_the_worker_is_let_in_where_it_goes(site, deployments):
    api, worker = (uses(site, deployments[name]) for name in ("algo-service", "algo-worker"))
    assert api - worker == {"redis", "llm-proxy", "speech-service", "tts-service"} and worker < api


def test_another_password_of_the_operator_replaces_the_api_alone(make_site, tmp_path):
    before = make_site("lab")
    after = Site("lab", before.loader, introduced(before, tmp_path, "operator_password"))
    (bundle,) = (bundle for bundle in BUNDLES if bundle.name == "algo_service")
    old, new = (
        {item["metadata"]["name"]: template(item) for item in of_kind(of.documents(bundle), "Deployment")} for of in (before, after)
    )
    assert {name for name in old if old[name] != new[name]} == {"algo-service"}
