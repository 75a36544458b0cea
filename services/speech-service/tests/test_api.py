import asyncio
import json
import tempfile
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


def listening(**settings):
    """An application whose engine hears nothing, and a client of it in this process."""
    app = make(Settings(**settings))

    async def transcribe(prepare):
        return [], "en", float(len(prepare.args[0]))

    app.state.recognition.transcribe = transcribe
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://speech", headers={"content-type": "audio/wav"})


def test_a_recording_is_not_read_before_it_has_a_place():
    begun, read = [], []

    async def ask():
        go_on = asyncio.Event()

        async def slowly():
            begun.append(1)
            yield b"RI"
            await go_on.wait()
            yield b"FF"

        async def noticed():
            read.append(1)
            yield b"RIFF"

        async with listening(workers=1, max_queue=1) as client:
            slow = [asyncio.create_task(client.post("/transcribe", content=slowly())) for _ in range(2)]
            while len(begun) < 2:
                await asyncio.sleep(0.01)
            refused = await client.post("/transcribe", content=noticed())
            assert refused.status_code == 429 and refused.headers["retry-after"] and not read
            go_on.set()
            assert [answer.status_code for answer in await asyncio.gather(*slow)] == [200, 200]
            assert (await client.post("/transcribe", content=noticed())).status_code == 200

    asyncio.run(ask())


def test_a_form_is_never_put_on_the_disk(monkeypatch):
    def fail(_):
        raise AssertionError("on the disk")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", fail)

    async def ask():
        async with listening() as client:
            del client.headers["content-type"]
            return await client.post("/transcribe", files={"file": ("a.wav", bytes(19 * 2**20), "audio/wav")})

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.json()["duration"]) == (200, 19 * 2**20)


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
