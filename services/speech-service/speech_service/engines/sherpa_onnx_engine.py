"""sherpa-onnx: many models under one library. MODEL_KIND says which; the folder MODEL has its files under these names.

| MODEL_KIND | files | speaks |
|---|---|---|
| `sense-voice` | `model.onnx`, `tokens.txt`, `silero_vad.onnx` | Chinese, English, Japanese, Korean, Cantonese |
| `moonshine` | `encoder_model.ort`, `decoder_model_merged.ort`, `tokens.txt`, `silero_vad.onnx` | the model's language |
| `zipformer` | `encoder.onnx`, `decoder.onnx`, `joiner.onnx`, `tokens.txt` | the model's languages; a streaming model |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import sherpa_onnx

from ..audio import RATE, Audio
from ..settings import Settings
from .base import EngineError, Segment, Update
from .utterances import Speech, Utterances

WINDOW = 512  # samples that the voice detector takes at a time
FILES = {
    "sense-voice": ("model.onnx", "tokens.txt", "silero_vad.onnx"),
    "moonshine": ("encoder_model.ort", "decoder_model_merged.ort", "tokens.txt", "silero_vad.onnx"),
    "zipformer": ("encoder.onnx", "decoder.onnx", "joiner.onnx", "tokens.txt"),
}


class Offline:
    """A model for whole utterances, which a voice detector finds."""

    def __init__(self, recogniser: sherpa_onnx.OfflineRecognizer, detector: Path, language: str, partial_seconds: float) -> None:
        self._recogniser, self._detector = recogniser, detector
        self._language, self._partial_seconds = language, partial_seconds

    def transcribe(self, audio: Audio) -> tuple[list[Segment], str]:
        """See `Engine`."""
        spans = _finder(self._detector)(audio)
        return [Segment(self._text(audio[start:end]), start / RATE, end / RATE) for start, end in spans], self._language

    def stream(self) -> Utterances:
        """See `Engine`."""
        return Utterances(self._text, _finder(self._detector), self._partial_seconds)

    def _text(self, audio: Audio) -> str:
        stream = self._recogniser.create_stream()
        stream.accept_waveform(RATE, audio)
        self._recogniser.decode_stream(stream)
        return stream.result.text.strip()


class Online:
    """A streaming model, which finds the ends of utterances itself."""

    def __init__(self, recogniser: sherpa_onnx.OnlineRecognizer, language: str, partial_seconds: float) -> None:
        self._recogniser, self._language, self._partial_seconds = recogniser, language, partial_seconds

    def transcribe(self, audio: Audio) -> tuple[list[Segment], str]:
        """See `Engine`."""
        stream = self.stream()
        pieces = np.array_split(audio, max(1, len(audio) // RATE))  # an utterance's end is found between two pieces
        updates = [update for piece in pieces for update in stream.feed(piece)] + list(stream.finish())
        return [Segment(update.text, update.start, update.end) for update in updates if update.final], self._language

    def stream(self) -> _OnlineStream:
        """See `Engine`."""
        return _OnlineStream(self._recogniser, self._partial_seconds)


class _OnlineStream:
    def __init__(self, recogniser: sherpa_onnx.OnlineRecognizer, partial_seconds: float) -> None:
        self._recogniser, self._partial_seconds = recogniser, partial_seconds
        self._stream = recogniser.create_stream()
        self._heard = self._start = self._said = 0.0  # seconds: of audio, where the utterance begins, when something was last told
        self._text = ""

    def feed(self, audio: Audio) -> Iterable[Update]:
        self._stream.accept_waveform(RATE, audio)
        self._heard += len(audio) / RATE
        yield from self._decode()

    def finish(self) -> Iterable[Update]:
        self._stream.accept_waveform(RATE, np.zeros(RATE // 2, np.float32))  # the model looks ahead
        self._stream.input_finished()
        yield from self._decode(last=True)

    def close(self) -> None:
        del self._stream

    def _decode(self, last: bool = False) -> Iterator[Update]:
        while self._recogniser.is_ready(self._stream):
            self._recogniser.decode_stream(self._stream)
        text = self._recogniser.get_result(self._stream).strip()
        over = last or self._recogniser.is_endpoint(self._stream)
        if text and (over or (text != self._text and self._heard - self._said >= self._partial_seconds)):
            self._text, self._said = text, self._heard
            yield Update(text, self._start, self._heard, over)
        if over and not last:
            self._recogniser.reset(self._stream)
            self._text, self._start = "", self._heard


def _finder(detector: Path) -> Callable[[Audio], Speech]:
    """A function of its own for each stream: the detector has a state."""
    config = sherpa_onnx.VadModelConfig(
        silero_vad=sherpa_onnx.SileroVadModelConfig(str(detector), min_silence_duration=0.2, window_size=WINDOW), sample_rate=RATE
    )
    vad = sherpa_onnx.VoiceActivityDetector(config, buffer_size_in_seconds=60)

    def find(audio: Audio) -> Speech:
        vad.reset()
        spans: Speech = []
        for start in range(0, len(audio), WINDOW):
            vad.accept_waveform(audio[start : start + WINDOW])
            spans += _taken(vad)
        vad.flush()
        return spans + _taken(vad)

    return find


def _taken(vad: sherpa_onnx.VoiceActivityDetector) -> Speech:
    spans: Speech = []
    while not vad.empty():
        spans.append((vad.front.start, vad.front.start + len(vad.front.samples)))
        vad.pop()
    return spans


def load(settings: Settings) -> Offline | Online:
    """The model in the folder MODEL."""
    kind, folder = settings.model_kind, Path(settings.model)
    if kind not in FILES:
        raise EngineError(f"MODEL_KIND {kind or '(empty)'}: sherpa-onnx knows {', '.join(FILES)}")
    if missing := [name for name in FILES[kind] if not settings.model or not (folder / name).is_file()]:
        raise EngineError(f"MODEL {settings.model or '(empty)'}: {', '.join(missing)} of a {kind} model is missing")
    tokens, threads, partial = str(folder / "tokens.txt"), settings.threads, settings.partial_seconds
    if kind == "zipformer":
        names = {part: str(folder / f"{part}.onnx") for part in ("encoder", "decoder", "joiner")}
        online = sherpa_onnx.OnlineRecognizer.from_transducer(
            tokens, **names, num_threads=threads, enable_endpoint_detection=True, rule2_min_trailing_silence=0.6
        )
        return Online(online, settings.language, partial)
    if kind == "moonshine":
        encoder, decoder = str(folder / "encoder_model.ort"), str(folder / "decoder_model_merged.ort")
        offline = sherpa_onnx.OfflineRecognizer.from_moonshine_v2(encoder, decoder, tokens, num_threads=threads)
    else:
        offline = sherpa_onnx.OfflineRecognizer.from_sense_voice(
            str(folder / "model.onnx"), tokens, num_threads=threads, language=settings.language, use_itn=True
        )
    return Offline(offline, folder / "silero_vad.onnx", settings.language, partial)
