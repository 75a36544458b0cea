"""Text to speech as the cluster has it after the role."""

import json

from service import Service

NAMESPACE = "voicehelper"
SELECTOR = "app.kubernetes.io/name=tts-service"


class TestPods(Service):
    """As of any service."""

    PORT = 8003
    METRIC = "tts_audio_seconds_total"


def test_it_speaks_mandarin_and_english(pods, fetch):
    languages = {voice["language"].split("-")[0] for voice in json.loads(fetch(pods[0], 8003, "voices"))["voices"]}
    assert {"zh", "en"} <= languages
