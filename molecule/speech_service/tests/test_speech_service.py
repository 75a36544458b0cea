"""Speech to text as the cluster has it after the role."""

from service import Service

NAMESPACE = "voicehelper"
SELECTOR = "app.kubernetes.io/name=speech-service"


class TestPods(Service):
    """As of any service."""

    PORT = 8002
    METRIC = "asr_streams"
