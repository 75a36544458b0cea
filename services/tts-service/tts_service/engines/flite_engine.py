"""Flite, called as a program: a few small English voices."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..settings import Settings
from .base import EngineError, Voice
from .programs import installed, output, run, samples

UNFIT = frozenset({"kal", "awb_time"})  # of 8 kHz, all others 16; and one that only tells the time


class Flite:
    """The program and the voices inside it."""

    rate = 16000

    def __init__(self) -> None:
        self._program = installed("flite")
        names = output(self._program, "-lv").partition(":")[2].split()
        self.voices = [Voice(name, "en-US", name) for name in sorted(names, key=lambda name: (name != "slt", name)) if name not in UNFIT]

    async def speak(self, text: str, voice: Voice, speed: float) -> bytes:
        """See `Engine`. It writes files only."""
        with tempfile.NamedTemporaryFile(suffix=".wav") as target:
            stretch = f"duration_stretch={1 / speed:.3f}"
            await run(self._program, "-voice", voice.id, "--setf", stretch, "-t", text, "-o", target.name)
            return samples(Path(target.name).read_bytes(), self.rate)


def load(settings: Settings) -> Flite:
    """The installed program."""
    engine = Flite()
    if not engine.voices:
        raise EngineError("ENGINE flite: the program has no voices")
    return engine
