import io
import json
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tts_service.app import make
from tts_service.settings import Settings
from voicehelper_common import openapi

SENTENCE = "The quick brown fox jumps over the lazy dog."


@pytest.fixture(scope="module", params=["espeak-ng", "flite"])
def url(request, service):
    return service("tts-service", engine=request.param).ready().url


def read(data: bytes) -> tuple[int, int]:
    """Rate and length in frames of a WAV of one channel with 16 bits."""
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), len(file.readframes(file.getnframes())) // 2


def test_a_sentence_becomes_a_wav_file(url):
    answer = httpx.post(f"{url}/synthesize", json={"text": SENTENCE, "language": "en"}, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "audio/wav"
    rate, frames = read(answer.content)
    assert str(rate) == answer.headers["x-sample-rate"]
    assert 2 < frames / rate < 5


def test_speed_shortens_it(url):
    lengths = []
    for speed in (0.5, 1, 2):
        rate, frames = read(httpx.post(f"{url}/synthesize", json={"text": SENTENCE, "speed": speed}, timeout=30).content)
        lengths.append(frames / rate)
    assert lengths[0] > 1.5 * lengths[1] > 2 * lengths[2]


def test_a_stream_is_the_same_speech_in_parts(url):
    body = {"text": f"{SENTENCE} {SENTENCE} Good bye."}
    whole = httpx.post(f"{url}/synthesize", json=body, timeout=30).content[44:]
    bare = httpx.post(f"{url}/stream", json=body | {"format": "pcm"}, timeout=30)
    assert bare.headers["content-type"].startswith("audio/pcm;rate=")
    streamed = httpx.post(f"{url}/stream", json=body, timeout=30).content
    assert whole == bare.content == streamed[44:]
    assert read(streamed)[1] * 2 == len(whole)


def test_every_voice_that_is_named_speaks(url):
    known = httpx.get(f"{url}/voices").json()
    assert known["voices"]
    for voice in known["voices"][:4]:
        answer = httpx.post(f"{url}/synthesize", json={"text": SENTENCE, "voice": voice["id"]}, timeout=30)
        assert answer.status_code == 200, (voice, answer.text)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": "…!"}, "text"),
        ({"text": 5}, "text"),
        ({"text": "a" * 2001}, "text"),
        ({"text": "a", "voice": "nobody"}, "voice"),
        ({"text": "a", "language": "tlh"}, "language"),
        ({"text": "a", "speed": 3}, "speed"),
        ({"text": "a", "speed": "fast"}, "speed"),
        ({"text": "a", "volume": 3}, "volume"),
    ],
)
def test_bad_input_is_refused_by_name(url, body, field):
    answer = httpx.post(f"{url}/synthesize", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == field, answer.text


def test_bytes_that_are_no_text_are_refused(url):
    for content in (b"\xff\xfe{", b"not json", b'{"text": "\xff"}', b'{"text": "\\ud800"}', b'{"text": "a", "voice": "\\ud800"}'):
        answer = httpx.post(f"{url}/synthesize", content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 400, content
        assert answer.json()["error"]["wanted"]
    assert httpx.post(f"{url}/synthesize", json={"text": "a" * 70_000}).status_code == 413


def test_options_in_the_text_stay_text(url):
    answer = httpx.post(f"{url}/synthesize", json={"text": "--help me. -o /tmp/x. [[a@]]"}, timeout=30)
    assert answer.status_code == 200
    rate, frames = read(answer.content)
    assert frames > rate / 2


def test_more_than_may_wait_are_refused_and_the_rest_is_served(service):
    url = service("tts-service", workers=1, max_queue=2).ready().url
    body = {"text": "A sentence that takes a while to say, because it is long enough for that. " * 20}
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: httpx.post(f"{url}/synthesize", json=body, timeout=60), range(12)))
    states = [answer.status_code for answer in answers]
    assert set(states) == {200, 429}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["retry-after"] == "1"
    metrics = httpx.get(f"{url}/metrics").text
    assert f'queue_refused_total{{queue="syntheses"}} {float(states.count(429))}' in metrics
    assert 'queue_requests{queue="syntheses"} 0.0' in metrics


def test_a_client_that_goes_away_frees_its_place(service):
    url = service("tts-service", workers=1, max_queue=0).ready().url
    with httpx.stream("POST", f"{url}/stream", json={"text": "A long sentence for a slow client. " * 50}, timeout=30) as answer:
        next(answer.iter_raw())
    for _ in range(50):
        if httpx.post(f"{url}/synthesize", json={"text": "Free again."}, timeout=30).status_code == 200:
            return
    raise AssertionError("the place was not freed")


def test_it_ends_as_told(service):
    assert service("tts-service").ready().stop() == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"engine": "piper", "model": "/nowhere"}, "MODEL /nowhere: no voices of Piper there"),
        (
            {"engine": "sherpa-onnx", "model": "/nowhere", "language": "zh"},
            "MODEL /nowhere: model.onnx, tokens.txt, lexicon.txt of a vits model is missing",
        ),
        ({"engine": "sherpa-onnx", "model": "/nowhere"}, "LANGUAGE is empty"),
        ({"engine": "flite", "path": "/nowhere"}, "ENGINE flite: the program is not installed"),
        ({"engine": "festival"}, "ENGINE"),
    ],
)
def test_a_start_that_cannot_succeed_says_why(service, settings, said):
    assert said in service("tts-service", **settings).failure()


def test_the_api_is_as_documented():
    documented = (Path(__file__).parents[1] / "openapi.json").read_text()
    assert documented == openapi(make(Settings()))
    assert json.loads(documented)["paths"].keys() >= {"/synthesize", "/stream", "/voices", "/health", "/ready", "/metrics"}
