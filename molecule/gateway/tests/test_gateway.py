"""The gateway as the cluster has it after the role."""

import json
from urllib.error import HTTPError

import pytest
from service import Service

NAMESPACE = "voicehelper"
SELECTOR = "app.kubernetes.io/name=gateway"


class TestPods(Service):
    """As of any service."""

    PORT = 8080
    METRIC = "gateway_first_token_seconds"


def test_it_finds_every_service_behind_it_well(pods, fetch):
    services = json.loads(fetch(pods[0], 8080, "api/v1/health"))["services"]
    assert services and {name: said["status"] for name, said in services.items() if said["status"] != "ok"} == {}


def test_nobody_is_answered_without_a_token(pods, fetch):
    with pytest.raises(HTTPError, match="401"):
        fetch(pods[0], 8080, "api/v1/documents")
