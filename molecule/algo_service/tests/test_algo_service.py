"""Documents, search and answers as the cluster has it after the role."""

from service import Service

NAMESPACE = "voicehelper"
SELECTOR = "app.kubernetes.io/name=algo-service"


class TestPods(Service):
    """As of any service."""

    PORT = 8000
    METRIC = "queries_total"


def test_its_worker_is_there(objects, fetch):
    workers = objects(f"pods --namespace {NAMESPACE} --selector app.kubernetes.io/name=algo-worker")
    assert workers
    for pod in workers:
        assert "\n# TYPE ingest_jobs_total" in fetch(pod, 8000, "metrics")
