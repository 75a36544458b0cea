import io

import numpy as np
import pytest
import soundfile

from speech_service.audio import RATE, decode, from_pcm, silent
from voicehelper_common import ApiError

TONE = np.sin(np.arange(48000) * 2 * np.pi * 440 / 48000).astype(np.float32) * 0.5  # a second at 48 kHz


def pitch(samples: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * RATE / len(samples))


@pytest.mark.parametrize(
    "options", [{}, {"subtype": "PCM_24"}, {"subtype": "FLOAT"}, {"format": "FLAC"}, {"format": "OGG", "subtype": "VORBIS"}]
)
def test_files_become_16_khz_mono(sound_file, options):
    data = sound_file(np.stack([TONE, np.zeros_like(TONE)], axis=1), 48000, **options)
    samples = decode(data, "audio/wav", 10)
    assert samples.dtype == np.float32
    assert abs(len(samples) - RATE) < 20
    assert abs(pitch(samples) - 440) < 2
    assert abs(np.abs(samples).max() - 0.25) < 0.03  # two channels, one silent


def test_bare_samples_by_their_parameters():
    stereo = (np.stack([TONE, TONE], axis=1) * 32767).astype("<i2").tobytes()
    samples = decode(stereo, "audio/pcm;rate=48000;channels=2", 10)
    assert abs(len(samples) - RATE) < 20
    assert abs(pitch(samples) - 440) < 2
    assert len(decode(bytes(3200), "audio/pcm", 10)) == 1600


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"", "audio/wav", 400),
        (b"", "audio/pcm", 400),
        (b"RIFF\x00\x00\x00\x00WAVE", "audio/wav", 415),
        (b"\x1aE\xdf\xa3" + bytes(500), "audio/webm", 415),
        (b"%PDF-1.7 not a sound", "audio/wav", 415),
        (bytes(3), "audio/pcm", 400),
        (bytes(8), "audio/pcm;rate=0", 400),
        (bytes(8), "audio/pcm;rate=fast", 400),
        (bytes(8), "audio/pcm;channels=99", 400),
        (bytes(2 * RATE * 11), "audio/pcm", 413),
    ],
)
def test_what_is_no_recording_is_refused(data, kind, status):
    with pytest.raises(ApiError) as refusal:
        decode(data, kind, 10)
    assert refusal.value.status_code == status


def test_a_file_that_unpacks_to_more_than_it_may_is_left_unread(sound_file):
    bomb = sound_file(np.zeros(48000 * 600, np.int16), 48000, format="FLAC", subtype="PCM_16")
    assert len(bomb) < 200_000
    with pytest.raises(ApiError) as refusal:
        decode(bomb, "audio/flac", 10)
    assert refusal.value.status_code == 413


def test_lengths_in_a_header_are_not_believed(sound_file):
    data = bytearray(sound_file(TONE, 48000))
    data[40:44] = (0xFFFFFFFF).to_bytes(4, "little")
    assert abs(len(decode(bytes(data), "audio/wav", 10)) - RATE) < 20
    cut = decode(bytes(data[:20_000]), "audio/wav", 10)
    assert 0 < len(cut) < RATE


def test_samples_that_are_no_numbers_do_no_harm():
    target = io.BytesIO()
    soundfile.write(target, np.array([np.nan, np.inf, -np.inf, 0.5] * 4000, np.float32), RATE, format="WAV", subtype="FLOAT")
    samples = decode(target.getvalue(), "audio/wav", 10)
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 1


def test_full_scale_and_silence():
    assert from_pcm(np.array([-32768, 32767], "<i2").tobytes()).tolist() == [-1.0, pytest.approx(1, abs=1e-4)]
    assert silent(np.zeros(100, np.float32))
    assert silent(np.empty(0, np.float32))
    assert not silent(TONE)
