"""sherpa-onnx: neural voices under one library. The folder MODEL has the files of MODEL_KIND under these names:

| MODEL_KIND | files |
|---|---|
| `vits` (MeloTTS, AISHELL-3, converted voices of Piper) | `model.onnx`, `tokens.txt`, `lexicon.txt` |
| `kokoro` | `model.onnx`, `voices.bin`, `tokens.txt`, `lexicon.txt` |

and `dict/` beside them, where the model has one. It speaks words that its lexicon has: since 2.0 the library knows no others.
LANGUAGE is the model's. Its speakers are voices 0, 1, …
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import sherpa_onnx

from voicehelper_common.cpus import usable_cpus

from ..settings import Settings
from .base import EngineError, Voice

FILES = {"vits": ("model.onnx", "tokens.txt", "lexicon.txt"), "kokoro": ("model.onnx", "voices.bin", "tokens.txt", "lexicon.txt")}


class Sherpa:
    """One model."""

    def __init__(self, config: sherpa_onnx.OfflineTtsConfig, language: str) -> None:
        self._tts = sherpa_onnx.OfflineTts(config)
        self.rate = self._tts.sample_rate
        self.voices = [Voice(str(number), language, f"speaker {number}") for number in range(max(1, self._tts.num_speakers))]

    async def speak(self, text: str, voice: Voice, speed: float) -> bytes:
        """See `Engine`."""
        audio = await asyncio.to_thread(self._tts.generate, text, sid=int(voice.id), speed=speed)
        return (np.clip(np.asarray(audio.samples), -1, 1) * 32767).astype("<i2").tobytes()


def load(settings: Settings) -> Sherpa:
    """The model in the folder MODEL."""
    kind, folder = settings.model_kind, Path(settings.model)
    if kind not in FILES:
        raise EngineError(f"MODEL_KIND {kind}: sherpa-onnx speaks {', '.join(FILES)}")
    if not settings.language:
        raise EngineError("LANGUAGE is empty: sherpa-onnx's models do not say theirs")
    if missing := [name for name in FILES[kind] if not settings.model or not (folder / name).is_file()]:
        raise EngineError(f"MODEL {settings.model or '(empty)'}: {', '.join(missing)} of a {kind} model is missing")
    files = {option: str(folder / name) for option, name in zip(("model", "tokens", "lexicon"), FILES["vits"], strict=True)}
    files |= {"dict_dir": str(folder / "dict")} if (folder / "dict").is_dir() else {}
    if kind == "kokoro":
        part = {"kokoro": sherpa_onnx.OfflineTtsKokoroModelConfig(voices=str(folder / "voices.bin"), **files)}
    else:
        part = {"vits": sherpa_onnx.OfflineTtsVitsModelConfig(**files)}
    model = sherpa_onnx.OfflineTtsModelConfig(num_threads=settings.threads or usable_cpus(), **part)
    return Sherpa(sherpa_onnx.OfflineTtsConfig(model=model), settings.language)
