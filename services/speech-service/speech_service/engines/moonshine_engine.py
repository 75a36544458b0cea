"""Moonshine: small English models that transcribe while somebody speaks; voice activity detection is inside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from moonshine_voice.moonshine_api import ModelArch, Transcript
from moonshine_voice.transcriber import Transcriber
from moonshine_voice.utils import get_model_path

from ..audio import RATE, Audio
from ..settings import Settings
from .base import EngineError, Segment, Update

KINDS = {kind.name.lower().replace("_", "-"): kind for kind in ModelArch}
LINES_KEPT = 50  # finished lines after which a stream's native side, which keeps them all, is made anew


class Moonshine:
    """One model; the library takes care of threads."""

    def __init__(self, folder: Path, kind: ModelArch, language: str, partial_seconds: float) -> None:
        self._language, self._partial_seconds = language, partial_seconds
        # Lines come back with a copy of their audio otherwise.
        self.transcriber = Transcriber(str(folder), kind, options={"return_audio_data": "false"})

    def transcribe(self, audio: Audio) -> tuple[list[Segment], str]:
        """See `Engine`."""
        lines = self.transcriber.transcribe_without_streaming(audio, RATE).lines
        return [Segment(line.text, line.start_time, line.start_time + line.duration) for line in lines], self._language

    def stream(self) -> _Stream:
        """See `Engine`."""
        return _Stream(self.transcriber, self._partial_seconds)


class _Stream:
    def __init__(self, transcriber: Transcriber, partial_seconds: float) -> None:
        self._transcriber, self._partial_seconds = transcriber, partial_seconds
        self._offset = self._heard = 0.0  # seconds of audio before this native stream, and in it
        self._open()

    def feed(self, audio: Audio) -> Iterable[Update]:
        self._native.add_audio(audio, RATE)  # which transcribes by itself, at its interval
        self._heard += len(audio) / RATE
        yield from self._take()
        if len(self._done) >= LINES_KEPT and not self._speaking:
            self.close()
            self._offset, self._heard = self._offset + self._heard, 0.0
            self._open()

    def finish(self) -> Iterable[Update]:
        self._native.stop()
        yield from self._take()

    def close(self) -> None:
        self._native.close()

    def _open(self) -> None:
        self._done: set[int] = set()
        self._changed: list[Update] = []
        self._speaking = False
        self._native = self._transcriber.create_stream(self._partial_seconds)
        self._native.add_listener(lambda event: self._note(event.line))
        self._native.start()

    def _note(self, line: Transcript) -> None:
        if line.line_id in self._done or not (line.has_text_changed or line.is_complete):
            return
        self._speaking = not line.is_complete
        if line.is_complete:
            self._done.add(line.line_id)
        start = self._offset + line.start_time
        self._changed.append(Update(line.text, start, start + line.duration, line.is_complete))

    def _take(self) -> Iterator[Update]:
        changed, self._changed = self._changed, []
        last = changed[-1] if changed else None
        yield from (update for update in changed if update.final or update is last)  # of one line, only what it says now


def load(settings: Settings) -> Moonshine:
    """The model of the settings, by default the one in the package. MODEL_KIND is its architecture, `tiny` by default."""
    kind = settings.model_kind or "tiny"
    if kind not in KINDS:
        raise EngineError(f"MODEL_KIND {kind}: moonshine knows {', '.join(KINDS)}")
    folder = Path(settings.model) if settings.model else get_model_path()
    if not (folder / "encoder_model.ort").is_file():
        raise EngineError(f"MODEL {folder}: no model of Moonshine there (encoder_model.ort is missing)")
    return Moonshine(folder, KINDS[kind], settings.language or "en", settings.partial_seconds)
