"""For tests: a speech-service and a tts-service that speak their protocols with real audio, told by its loudness and pitch."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass, field

import numpy as np
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect

from .dialogue import RATE

TTS_RATE = 22050
HEARD, SPOKEN = 440.0, 880.0  # Hz of what a caller says, and of what tts-service makes of any sentence


def tone(frequency: float, seconds: float, rate: int) -> bytes:
    """A sine as s16le."""
    return (np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate) * 12000).astype("<i2").tobytes()


def peak(samples: bytes, rate: int) -> float:
    """The strongest frequency of s16le audio, Hz."""
    found = np.frombuffer(samples, "<i2").astype(float)
    return float(np.argmax(np.abs(np.fft.rfft(found * np.hanning(len(found))))) * rate / len(found))


@dataclass
class Sound:
    """What was heard and is to be said."""

    heard: list[float] = field(default_factory=list)  # Hz of each utterance
    said: list[str] = field(default_factory=list)  # sentences that tts-service was given
    sentence_seconds: float = 0.5
    full: bool = False  # speech-service has no room


def add_sound(app: FastAPI, sound: Sound) -> None:
    """Give an application `WS /stream` of speech-service and `POST /stream` of tts-service."""

    @app.websocket("/stream")
    async def speech(link: WebSocket) -> None:
        await link.accept()
        if sound.full:
            await link.close(1013)
            return
        received, utterance, quiet = 0.0, b"", 0.0
        try:
            while True:
                samples = await link.receive_bytes()
                seconds = len(samples) / 2 / RATE
                received += seconds
                if np.abs(np.frombuffer(samples, "<i2").astype(float)).mean() > 500:
                    if not utterance:
                        await link.send_json({"type": "partial", "text": "a tone", "start": received - seconds, "end": received})
                    utterance, quiet = utterance + samples, 0.0
                elif utterance:
                    quiet += seconds
                    if quiet > 0.3:
                        sound.heard.append(peak(utterance, RATE))
                        await link.send_json({"type": "final", "text": "a tone was heard", "start": 0, "end": received - quiet})
                        utterance = b""
        except WebSocketDisconnect:
            pass

    @app.post("/stream")
    async def tts(request: Request) -> Response:
        sound.said.append((await request.json())["text"])
        out = io.BytesIO()
        with wave.open(out, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(TTS_RATE)
            file.writeframes(tone(SPOKEN, sound.sentence_seconds, TTS_RATE))
        return Response(out.getvalue(), media_type="audio/wav")
