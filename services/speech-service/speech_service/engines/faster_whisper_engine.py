"""Whisper by faster-whisper (CTranslate2): many languages, Chinese among them, by the model that is given."""

from __future__ import annotations

from pathlib import Path

from faster_whisper import WhisperModel
from faster_whisper.vad import get_speech_timestamps

from ..audio import Audio
from ..settings import Settings
from .base import EngineError, Segment
from .utterances import Speech, Utterances


class FasterWhisper:
    """One model, int8 on the CPU."""

    def __init__(self, folder: Path, language: str, threads: int, workers: int, partial_seconds: float) -> None:
        self._language, self._partial_seconds = language or None, partial_seconds
        self._model = WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=threads, num_workers=workers, local_files_only=True
        )

    def transcribe(self, audio: Audio) -> tuple[list[Segment], str]:
        """See `Engine`."""
        found, about = self._model.transcribe(audio, language=self._language, vad_filter=True, beam_size=5)
        return [Segment(piece.text.strip(), piece.start, piece.end) for piece in found], about.language

    def stream(self) -> Utterances:
        """See `Engine`."""
        return Utterances(self._text, find_speech, self._partial_seconds)

    def _text(self, audio: Audio) -> str:
        found, _ = self._model.transcribe(audio, language=self._language, beam_size=1, without_timestamps=True)
        return " ".join(piece.text.strip() for piece in found)


def find_speech(audio: Audio) -> Speech:
    """Where somebody speaks, by the detector (Silero) that the package carries."""
    spans = get_speech_timestamps(audio, min_silence_duration_ms=200, min_speech_duration_ms=100, speech_pad_ms=100)
    return [(span["start"], span["end"]) for span in spans]


def load(settings: Settings) -> FasterWhisper:
    """The model in the folder MODEL, as CTranslate2's converter writes it."""
    folder = Path(settings.model)
    if not settings.model or not (folder / "model.bin").is_file():
        raise EngineError(f"MODEL {settings.model or '(empty)'}: no model of faster-whisper there (model.bin is missing)")
    return FasterWhisper(folder, settings.language, settings.threads, settings.workers, settings.partial_seconds)
