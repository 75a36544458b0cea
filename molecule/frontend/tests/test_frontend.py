"""The users' web application as the cluster has it after the role."""

from service import Service

NAMESPACE = "voicehelper"
SELECTOR = "app.kubernetes.io/name=frontend"


class TestPods(Service):
    """As of any service."""

    PORT = 3000
    READY = ""
    METRICS = 9464
    METRIC = "http_requests_total"


def test_its_page_is_there(pods, fetch):
    assert "<html" in fetch(pods[0], 3000, "")
