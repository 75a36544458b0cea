"""What tts-service says is understood by speech-service."""

import httpx
import pytest

SENTENCE = "The weather is nice today, and we are going to the park with our friends."


@pytest.fixture(scope="module")
def listener(service):
    return service("speech-service").ready().url


@pytest.mark.parametrize("engine", ["espeak-ng", "flite"])
def test_a_sentence_that_is_spoken_is_heard(service, listener, agreement, engine):
    speaker = service("tts-service", engine=engine).ready().url
    spoken = httpx.post(f"{speaker}/synthesize", json={"text": SENTENCE}, timeout=60)
    heard = httpx.post(f"{listener}/transcribe", content=spoken.content, headers={"content-type": "audio/wav"}, timeout=120).json()
    assert agreement(heard["text"], SENTENCE) > 0.7, heard
