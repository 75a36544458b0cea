"""Calls as the cluster has it after the role."""

from service import Service

NAMESPACE = "voicehelper"
SELECTOR = "app.kubernetes.io/name=voice-service"


class TestPods(Service):
    """As of any service."""

    PORT = 8001
    METRIC = "voice_calls_active"
