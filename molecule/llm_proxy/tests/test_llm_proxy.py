"""The way to language models as the cluster has it after the role."""

from urllib.error import HTTPError

import pytest
from service import Service

NAMESPACE = "voicehelper"
SELECTOR = "app.kubernetes.io/name=llm-proxy"


class TestPods(Service):
    """As of any service."""

    PORT = 4000
    METRIC = "llm_tokens_total"


def test_nobody_is_answered_without_a_key(pods, fetch):
    with pytest.raises(HTTPError, match="401"):
        fetch(pods[0], 4000, "v1/models")
