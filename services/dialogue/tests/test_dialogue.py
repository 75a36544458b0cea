"""Sentences, and the WAV that comes in pieces. Whole dialogues are held in the tests of voice-service and algo-service."""

from __future__ import annotations

import io
import wave

import pytest

from voicehelper_dialogue.sentences import Sentences, speakable
from voicehelper_dialogue.synthesis import WavStream


def cut(text: str, piece: int) -> list[str]:
    sentences = Sentences()
    found = [sentence for start in range(0, len(text), piece) for sentence in sentences.add(text[start : start + piece])]
    return found + sentences.end()


@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_sentences(piece: int) -> None:
    """However an answer comes, its sentences are the same, each as soon as it has ended."""
    assert cut("Delivery takes 3.5 days [1]. Is that all? 退货请在七天内办理。谢谢！", piece) == [  # noqa: RUF001
        "Delivery takes 3.5 days.",
        "Is that all?",
        "退货请在七天内办理。",
        "谢谢！",  # noqa: RUF001
    ]


def test_first_sentence_is_early() -> None:
    """It does not wait for the next one."""
    sentences = Sentences()
    assert sentences.add("您好。") == ["您好。"]
    assert sentences.add("It works. ") == ["It works."]


def test_long_sentence() -> None:
    """One that does not end is spoken at a pause."""
    assert len(cut("and then something else happened, " * 10, 7)) >= 3


def test_unspoken() -> None:
    """Marks, numbers of sources and addresses are not read aloud; what is nothing else is left out."""
    assert speakable("**Yes** [1, 2], see https://example.org/x") == "Yes, see"
    assert speakable(" ** \n") == ""
    assert cut("- \n* One\n", 1) == ["One"]


def wav(rate: int = 22050, channels: int = 1, width: int = 2, samples: bytes = b"\1\0\2\0\3\0") -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples)
    return out.getvalue()


@pytest.mark.parametrize("piece", [1, 3, 44, 45, 1000])
def test_wav(piece: int) -> None:
    """Samples come whole, whatever the pieces; other chunks before them are passed over."""
    plain = wav()
    listed = plain[:36] + b"LIST\x05\0\0\0hello\0" + plain[36:]
    for data in (plain, listed, plain[:40] + b"\xff\xff\xff\xff" + plain[44:]):
        stream = WavStream()
        pieces = [stream.add(data[start : start + piece]) for start in range(0, len(data), piece)]
        assert b"".join(pieces) == b"\1\0\2\0\3\0"
        assert all(len(part) % 2 == 0 for part in pieces)
        assert stream.rate == 22050


@pytest.mark.parametrize(
    "data", [b"ID3 no wav at all", wav(channels=2, samples=b"\0" * 8), wav(width=1), b"RIFF\0\0\0\0WAVE" + b"junk\xff\xff\0\0" * 9]
)
def test_no_wav(data: bytes) -> None:
    """Anything else is refused, and never kept waiting for."""
    with pytest.raises(ValueError):
        WavStream().add(data)
