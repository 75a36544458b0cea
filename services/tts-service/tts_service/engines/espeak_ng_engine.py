"""eSpeak NG, called as a program: a hundred languages, Mandarin among them, robotic, tiny and fast."""

from __future__ import annotations

from collections.abc import Sequence

from ..settings import Settings
from .base import EngineError, Voice
from .programs import installed, output, run, samples

WORDS_A_MINUTE = 175  # its own at speed 1
PREFERRED = ("en-us", "cmn")  # defaults of their languages
LANGUAGES = {"cmn": "zh-CN", "cmn-latn-pinyin": "zh-Latn-CN", "yue": "zh-HK", "en-us": "en-US"}


class Espeak:
    """The program and its voices."""

    rate = 22050

    def __init__(self) -> None:
        self._program = installed("espeak-ng")
        self.voices: Sequence[Voice] = _voices(output(self._program, "--voices"))

    async def speak(self, text: str, voice: Voice, speed: float) -> bytes:
        """See `Engine`."""
        text = text.replace("[[", "[ [")  # two of them begin phonemes
        command = (self._program, "-v", voice.id, "-s", str(round(WORDS_A_MINUTE * speed)), "-b", "1", "--stdin", "--stdout")
        return samples(await run(*command, text=text), self.rate)


def _voices(table: str) -> list[Voice]:
    """Columns: priority, language, age and gender, name, file, other languages."""
    found = [line.split()[:4] for line in table.splitlines()[1:]]
    voices = {code: Voice(code, LANGUAGES.get(code, code), name.replace("_", " ")) for _, code, _, name in reversed(found)}
    return sorted(voices.values(), key=lambda voice: (voice.id not in PREFERRED, voice.id))


def load(settings: Settings) -> Espeak:
    """The installed program."""
    engine = Espeak()
    if not engine.voices:
        raise EngineError("ENGINE espeak-ng: the program has no voices (its data is missing)")
    return engine
