"""A caller without a head, in a pod of the cluster, where media reach voice-service: it speaks a recording and tells what it heard.

Standard input is one line of JSON, {url, token, recording (WAV, base64), seconds}; so is standard output, {said, answer, states,
spoken_seconds, first_audio_seconds}, the last from the end of the recording to the first sound of the answer. It is run by the image of
voice-service, which has what a call takes.
"""

from __future__ import annotations

import array
import asyncio
import base64
import fractions
import io
import json
import sys
import time
import wave

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame, AudioResampler
from websockets.asyncio.client import connect

FRAME = 0.02  # seconds
RATE = 48000  # samples a second of what is heard
LOUD = 300  # mean amplitude of 16 bits: above it, somebody speaks


class Mouth(MediaStreamTrack):
    """A microphone that hears a recording once, then silence."""

    kind = "audio"

    def __init__(self, recording: bytes) -> None:
        super().__init__()
        with wave.open(io.BytesIO(recording)) as sound:
            self.rate, self.words = sound.getframerate(), sound.readframes(sound.getnframes())
        self.samples, self.count, self.began = int(self.rate * FRAME), 0, time.monotonic()
        self.speaks, self.ended = asyncio.Event(), 0.0

    async def recv(self) -> AudioFrame:
        await asyncio.sleep(max(0.0, self.began + self.count * FRAME - time.monotonic()))
        data = b""
        if self.speaks.is_set():
            data, self.words = self.words[: 2 * self.samples], self.words[2 * self.samples :]
            self.ended = self.ended or (0.0 if self.words else time.monotonic())
        frame = AudioFrame(format="s16", layout="mono", samples=self.samples)
        frame.planes[0].update(data.ljust(2 * self.samples, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = self.rate, self.count * self.samples, fractions.Fraction(1, self.rate)
        self.count += 1
        return frame


class Ear:
    """What was heard, and when something was loud at first."""

    def __init__(self) -> None:
        self.heard, self.first = bytearray(), 0.0

    async def listen(self, track: MediaStreamTrack) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
        while True:
            for part in resampler.resample(await track.recv()):
                samples = bytes(part.planes[0])[: part.samples * 2]
                self.heard += samples
                self.first = self.first or (time.monotonic() if loud(samples) else 0.0)


def loud(heard: bytes | bytearray) -> float:
    """Seconds of what was heard that were not silent."""
    samples = array.array("h", bytes(heard[: len(heard) // 2 * 2]))
    size = int(RATE * FRAME)
    return FRAME * sum(sum(map(abs, samples[at : at + size])) / size > LOUD for at in range(0, len(samples), size))


async def call(wanted: dict) -> dict:
    """Speak, and listen until the answer is over."""
    peer, mouth, ear = RTCPeerConnection(), Mouth(base64.b64decode(wanted["recording"])), Ear()
    told: dict = {"states": [], "said": "", "answer": ""}
    tasks: list[asyncio.Task] = []
    peer.on("track", lambda track: tasks.append(asyncio.create_task(ear.listen(track))))
    peer.addTrack(mouth)
    protocols = ["voicehelper.v1", f"bearer.{wanted['token']}"]
    async with asyncio.timeout(wanted["seconds"]), connect(wanted["url"], subprotocols=protocols) as link:
        await peer.setLocalDescription(await peer.createOffer())
        await link.send(json.dumps({"type": "offer", "sdp": peer.localDescription.sdp}))
        async for text in link:
            frame = json.loads(text)
            if frame["type"] == "answer":
                await peer.setRemoteDescription(RTCSessionDescription(frame["sdp"], "answer"))
            elif frame["type"] == "transcript" and frame["final"]:
                told["said" if frame["role"] == "user" else "answer"] = frame["text"]
            elif frame["type"] == "error":
                raise RuntimeError(text)
            elif frame["type"] == "state":
                told["states"].append(frame["state"])
                mouth.speaks.set()  # it listens
                if told["states"][-2:] == ["speaking", "listening"]:
                    await link.send(json.dumps({"type": "bye"}))
                    break
    for task in tasks:
        task.cancel()
    await peer.close()
    return {**told, "spoken_seconds": round(loud(ear.heard), 1), "first_audio_seconds": round(ear.first - mouth.ended, 2)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(call(json.loads(sys.stdin.readline())))))
