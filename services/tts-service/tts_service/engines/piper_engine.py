"""Piper: neural voices, one file each (NAME.onnx with NAME.onnx.json), in the folder MODEL.

Piper is under the GPL (3.0 or later), and so is an image that has it; sherpa-onnx (Apache-2.0) speaks with converted voices of Piper.
"""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

from piper import PiperVoice, SynthesisConfig

from ..settings import Settings
from .base import EngineError, Voice


class Piper:
    """All voices of a folder."""

    def __init__(self, files: list[Path]) -> None:
        self._loaded = {file.stem: PiperVoice.load(file) for file in files}
        languages = {file.stem: json.loads(Path(f"{file}.json").read_text())["language"]["code"].replace("_", "-") for file in files}
        self.voices = [Voice(name, language, name) for name, language in languages.items()]
        self._turn = threading.Lock()  # its phonemizer has one state for all
        rates = {voice.config.sample_rate for voice in self._loaded.values()}
        if len(rates) > 1:
            raise EngineError(f"MODEL {files[0].parent}: voices of {sorted(rates)} Hz; all must have one rate")
        self.rate = rates.pop()

    async def speak(self, text: str, voice: Voice, speed: float) -> bytes:
        """See `Engine`."""
        return await asyncio.to_thread(self._speak, text, self._loaded[voice.id], speed)

    def _speak(self, text: str, voice: PiperVoice, speed: float) -> bytes:
        config = SynthesisConfig(length_scale=voice.config.length_scale / speed)
        with self._turn:
            return b"".join(chunk.audio_int16_bytes for chunk in voice.synthesize(text, config))


def load(settings: Settings) -> Piper:
    """The voices in the folder MODEL."""
    files = sorted(Path(settings.model).glob("*.onnx")) if settings.model else []
    if not files:
        raise EngineError(f"MODEL {settings.model or '(empty)'}: no voices of Piper there (NAME.onnx)")
    if missing := [f"{file.name}.json" for file in files if not Path(f"{file}.json").is_file()]:
        raise EngineError(f"MODEL {settings.model}: {', '.join(missing)} is missing")
    return Piper(files)
