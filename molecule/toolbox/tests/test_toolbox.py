"""The toolbox: every client is there, no credential is."""

import pytest

NAMESPACE = "voicehelper-storage"


@pytest.fixture(scope="module")
def inside(kubectl):
    return lambda command: kubectl(f"exec --namespace {NAMESPACE} deployment/toolbox -- {command}")


@pytest.mark.parametrize("program", ["psql --version", "redis-cli --version", "mc --version", "curl --version", "jq --version"])
def test_clients_start(inside, program):
    assert inside(program)


def test_python_has_a_client_of_every_system(inside):
    assert inside("python3 -c 'import boto3, kafka, nats, neo4j, pika, psycopg2, redis, requests; print(1)'") == "1"


def test_every_program_of_the_platform_finds_what_it_imports(inside):
    walk = "[importlib.import_module(m.name) for m in pkgutil.walk_packages(programs.__path__, programs.__name__ + chr(46))]"
    found = inside(f"python3 -c 'import importlib, pkgutil, programs; print(len({walk}))'")
    assert int(found) > 40


def test_it_holds_no_credential(objects):
    (pod,) = objects(f"pods --namespace {NAMESPACE} --selector app.kubernetes.io/name=toolbox")
    assert not [volume for volume in pod["spec"]["volumes"] if "secret" in volume or "projected" in volume]
    assert not [entry for container in pod["spec"]["containers"] for entry in container["env"] if "valueFrom" in entry]


def test_it_trusts_the_sites_ca(inside):
    assert inside("openssl x509 -in /tls/ca.crt -noout -subject").endswith("voicehelper site authority")
