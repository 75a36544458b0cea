import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from speech_service.app import make
from speech_service.settings import Settings
from voicehelper_common import openapi


@pytest.fixture(scope="module")
def url(service):
    return service("speech-service").ready().url


def post(url: str, data: bytes, kind: str = "audio/wav") -> httpx.Response:
    return httpx.post(f"{url}/transcribe", content=data, headers={"content-type": kind}, timeout=120)


def test_a_recording_becomes_its_words(url, wav, agreement):
    answer = post(url, wav)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert agreement(said["text"]) > 0.9, said
    assert said["language"] == "en"
    assert said["duration"] == pytest.approx(6.4, abs=0.01)
    assert 0 < said["processing_time"] < 120
    assert said["text"] == " ".join(piece["text"] for piece in said["segments"])
    times = [time for piece in said["segments"] for time in (piece["start"], piece["end"])]
    assert times == sorted(times)
    assert times[-1] <= 6.5


def test_a_form_and_bare_samples_say_the_same(url, wav, pcm, agreement):
    form = httpx.post(f"{url}/transcribe", files={"file": ("a.wav", wav, "audio/wav")}, timeout=120)
    assert agreement(form.json()["text"]) > 0.9
    assert agreement(post(url, pcm, "audio/pcm;rate=16000;channels=1").json()["text"]) > 0.9


def test_silence_has_no_words(url):
    answer = post(url, bytes(64000), "audio/pcm").json()
    assert (answer["text"], answer["segments"], answer["duration"]) == ("", [], 2.0)


@pytest.mark.parametrize(
    ("data", "kind", "status", "field"),
    [
        (b"", "audio/wav", 400, "audio"),
        (b"{}", "application/json", 415, "content-type"),
        (b"abc", "", 415, "content-type"),
        (b"no sound at all", "audio/wav", 415, "audio"),
        (bytes(32000 * 121), "audio/pcm", 413, "audio"),
        (bytes(21 * 2**20), "audio/pcm", 413, "body"),
        (b"--x--", "multipart/form-data; boundary=x", 400, "file"),
    ],
)
def test_bad_input_is_refused_by_name(url, data, kind, status, field):
    answer = post(url, data, kind)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["field"] == field


def test_a_form_without_a_file_is_refused(url):
    assert httpx.post(f"{url}/transcribe", data={"file": "text"}, files={"other": b"x"}).status_code == 400
    assert post(url, b"broken", "multipart/form-data").status_code == 400


def test_more_than_may_wait_are_refused_and_the_rest_is_served(service, wav, agreement):
    url = service("speech-service", workers=1, max_queue=1).ready().url
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: post(url, wav), range(6)))
    assert {answer.status_code for answer in answers} == {200, 429}
    assert all(agreement(answer.json()["text"]) > 0.9 for answer in answers if answer.status_code == 200)


def test_what_it_measures(url):
    metrics = httpx.get(f"{url}/metrics").text
    assert 'asr_transcription_seconds_count{engine="moonshine"}' in metrics
    assert 'asr_audio_seconds_total{api="transcribe",engine="moonshine"}' in metrics


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": "/nowhere"}, "MODEL /nowhere: no model of Moonshine there"),
        ({"model_kind": "huge"}, "MODEL_KIND huge: moonshine knows tiny, base"),
        ({"engine": "faster-whisper"}, "MODEL (empty): no model of faster-whisper there"),
        (
            {"engine": "sherpa-onnx", "model_kind": "sense-voice", "model": "/nowhere"},
            "silero_vad.onnx of a sense-voice",
        ),
        ({"engine": "sherpa-onnx"}, "MODEL_KIND (empty): sherpa-onnx knows"),
        ({"engine": "kaldi"}, "ENGINE"),
    ],
)
def test_a_start_that_cannot_succeed_says_why(service, settings, said):
    assert said in service("speech-service", **settings).failure()


def test_the_api_is_as_documented():
    documented = (Path(__file__).parents[1] / "openapi.json").read_text()
    assert documented == openapi(make(Settings()))
    assert json.loads(documented)["paths"].keys() >= {"/transcribe", "/health", "/ready", "/metrics"}
