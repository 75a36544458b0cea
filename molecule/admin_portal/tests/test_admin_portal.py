"""The operators' web application as the cluster has it after the role."""

from service import Service

NAMESPACE = "voicehelper"
SELECTOR = "app.kubernetes.io/name=admin-portal"


class TestPods(Service):
    """As of any service."""

    PORT = 3001
    METRICS = 9464
    METRIC = "http_requests_total"


def test_its_page_is_there(pods, fetch):
    assert '<div id="root">' in fetch(pods[0], 3001, "")
