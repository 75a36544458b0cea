"""From what clients send to what recognisers take: 16 kHz, one channel, float32 from -1 to 1."""

from __future__ import annotations

import io
from email.message import Message

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from voicehelper_common import ApiError

RATE = 16_000  # Hz
RATES = range(8_000, 192_001)  # Hz that are accepted
MOST_CHANNELS = 8
SILENCE = 1e-3  # peak below which there is nothing to hear: -60 dB of full scale
FORMATS = "WAV, FLAC, Ogg or MP3, or audio/pcm (s16le)"

Audio = NDArray[np.float32]  # shape (samples,), at RATE


def decode(data: bytes, content_type: str, max_seconds: float) -> Audio:
    """A whole recording.

    Args:
        data: a file of a format that libsndfile knows, or bare samples if `content_type` is `audio/pcm`.
        content_type: of the request; its parameters `rate` (Hz) and `channels` count for `audio/pcm`.
        max_seconds: longest recording.

    Returns:
        Samples, shape (samples,), at least one.

    Raises:
        ApiError: 400 for parameters or samples that are wrong or none, 413 too long, 415 not audio of a known format.
    """
    header = Message()
    header["content-type"] = content_type
    if header.get_content_type() == "audio/pcm":
        rate, channels = _parameter(header, "rate", RATE, RATES), _parameter(header, "channels", 1, range(1, MOST_CHANNELS + 1))
        samples = from_pcm(data, channels)
        _limit(len(samples), rate, max_seconds)
    else:
        samples, rate = _read_file(data, max_seconds)
    if not len(samples):
        raise ApiError(400, "audio", "no samples", "a recording")
    return to_rate(samples, rate)


def from_pcm(data: bytes, channels: int = 1) -> Audio:
    """Samples of s16le bytes, their channels mixed. Raises ApiError 400 where the last sample is cut."""
    if len(data) % (2 * channels):
        raise ApiError(400, "audio", f"{len(data)} bytes", f"whole samples: a multiple of {2 * channels} bytes")
    frames = np.frombuffer(data, dtype="<i2").reshape(-1, channels)
    return frames.mean(axis=1, dtype=np.float32) / np.float32(32768)


def to_rate(samples: Audio, rate: int) -> Audio:
    """`samples` of `rate` Hz at RATE."""
    return samples if rate == RATE else soxr.resample(samples, rate, RATE)


def silent(samples: Audio) -> bool:
    """Whether there is nothing to hear: recognisers are apt to hear words in digital silence."""
    return not len(samples) or float(np.abs(samples).max()) < SILENCE


def _read_file(data: bytes, max_seconds: float) -> tuple[Audio, int]:
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate, channels = file.samplerate, file.channels
            if rate not in RATES:
                raise ApiError(400, "audio", f"{rate} Hz", f"{RATES.start} to {RATES.stop - 1} Hz")
            if channels > MOST_CHANNELS:
                raise ApiError(400, "audio", f"{channels} channels", f"1 to {MOST_CHANNELS} channels")
            # By blocks, never more than allowed: what its header claims, and what it unpacks to, need not be true.
            blocks, count = [], 0
            while len(block := file.read(rate, dtype="float32", always_2d=True)):
                blocks.append(block.mean(axis=1))
                count += len(block)
                _limit(count, rate, max_seconds)
    except soundfile.LibsndfileError as error:
        found = f"{len(data)} bytes that begin with {data[:4].hex(' ')}" if data else "nothing"
        raise ApiError(415 if data else 400, "audio", found, FORMATS) from error
    samples = np.concatenate(blocks) if blocks else np.empty(0, np.float32)
    return np.nan_to_num(np.clip(samples, -1, 1)), rate  # a file of floats can hold anything


def _limit(samples: int, rate: int, max_seconds: float) -> None:
    if samples > max_seconds * rate:
        raise ApiError(413, "audio", f"more than {max_seconds:g} s", f"at most {max_seconds:g} s")


def _parameter(header: Message, name: str, default: int, allowed: range) -> int:
    text = str(header.get_param(name, str(default)))
    if not text.isdecimal() or int(text) not in allowed:
        raise ApiError(400, f"content-type: {name}", repr(text[:20]), f"{allowed.start} to {allowed.stop - 1}")
    return int(text)
