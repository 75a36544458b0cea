"""The configuration that the application looks up."""

import re

import pytest

KEYS = [
    "ENV",
    "LOG_LEVEL",
    "CORS_ORIGINS",
    "POSTGRES_HOST",
    "POSTGRES_PORT",
    "POSTGRES_DB",
    "REDIS_HOST",
    "REDIS_PORT",
    "MINIO_ENDPOINT",
    "MINIO_SECURE",
    "NEO4J_URI",
    "BGE_SERVICE_URL",
    "FAISS_SERVICE_URL",
    "NATS_URL",
    "KAFKA_BROKERS",
    "RABBITMQ_URL",
    "PROMETHEUS_URL",
    "JAEGER_ENDPOINT",
    "BGE_MODEL_NAME",
    "BGE_DEVICE",
    "BGE_NORMALIZE",
    "BGE_BATCH_SIZE",
    "BGE_MAX_LENGTH",
    "FAISS_INDEX_TYPE",
    "FAISS_NLIST",
    "FAISS_NPROBE",
    "VECTOR_DIMENSION",
    "INDEX_SAVE_INTERVAL",
    "JWT_ALGORITHM",
    "JWT_EXPIRE_HOURS",
    "MAX_CONCURRENT_REQUESTS",
    "MAX_UPLOAD_SIZE",
    "REQUEST_TIMEOUT",
    "ENABLE_VOICE_PROCESSING",
    "ENABLE_MULTIMODAL",
    "ENABLE_GRAPH_RAG",
    "ENABLE_AGENT_REASONING",
    "ENABLE_MONITORING",
    "ENABLE_TRACING",
]


@pytest.fixture(scope="module")
def config(objects):
    return objects("configmap voicehelper-config --namespace voicehelper")["data"]


def test_every_key_is_there(config):
    assert set(KEYS) <= set(config)


def test_addresses(config):
    assert config["POSTGRES_HOST"] == "postgres-master.voicehelper-storage.svc.cluster.local"
    assert config["NEO4J_URI"].startswith("bolt+s://") and config["NEO4J_URI"].endswith(":7687")
    assert config["JAEGER_ENDPOINT"].endswith(":14268/api/traces")
    brokers = config["KAFKA_BROKERS"].split(",")
    assert [broker.split(".")[0] for broker in brokers] == ["kafka-0", "kafka-1", "kafka-2"]


def test_no_secret_is_in_it(config):
    assert not [key for key in config if re.search("PASSWORD|SECRET|TOKEN|_KEY", key)]
    assert not [value for value in config.values() if "@" in value]


@pytest.mark.parametrize("namespace", ["voicehelper", "voicehelper-storage", "voicehelper-monitoring"])
def test_the_ca_is_everywhere(objects, namespace):
    data = objects(f"configmap voicehelper-ca --namespace {namespace}")["data"]
    assert data["ca.crt"].startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE" not in data["ca.crt"]
