import difflib
import io
import re
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
import soxr
from moonshine_voice.utils import get_assets_path
from numpy.typing import NDArray

WORDS = "it was the best of times it was the worst of times it was the age of wisdom"


@pytest.fixture(scope="session")
def recording() -> tuple[NDArray[np.float32], int]:
    """A reader's voice that says WORDS, with its rate in Hz."""
    samples, rate = soundfile.read(get_assets_path() / "two_cities.wav", dtype="float32")
    return samples[: int(6.4 * rate)], rate


@pytest.fixture(scope="session")
def wav(recording) -> bytes:
    """The recording as a file."""
    return as_file(*recording)


@pytest.fixture(scope="session")
def pcm(recording) -> bytes:
    """The recording as a stream wants it, with a second of silence behind."""
    samples, rate = recording
    samples = np.concatenate([soxr.resample(samples, rate, 16000), np.zeros(16000, np.float32)])
    return (samples * 32767).astype("<i2").tobytes()


def as_file(samples: NDArray, rate: int, **options: str) -> bytes:
    """A sound file, WAV if `options` do not say else."""
    target = io.BytesIO()
    soundfile.write(target, samples, rate, **({"format": "WAV", "subtype": "PCM_16"} | options))
    return target.getvalue()


def words(text: str) -> list[str]:
    """Words without case and punctuation."""
    return re.findall(r"[a-z']+", text.lower())


@pytest.fixture(scope="session")
def agreement() -> Callable[[str, str], float]:
    """Share of the words that were said which were heard, in order."""

    def share(heard: str, said: str = WORDS) -> float:
        found = difflib.SequenceMatcher(a=words(said), b=words(heard), autojunk=False)
        return sum(block.size for block in found.get_matching_blocks()) / len(words(said))

    return share


@pytest.fixture(scope="session")
def sound_file() -> Callable[..., bytes]:
    """Makes sound files."""
    return as_file
