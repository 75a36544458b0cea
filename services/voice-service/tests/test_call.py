"""Whole calls: a client of aiortc speaks a tone and hears the answer's, over real sockets."""

from __future__ import annotations

import asyncio
import fractions
import json
import time
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame, AudioResampler
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from voice_service.app import make_app
from voice_service.media import announce
from voice_service.settings import VoiceSettings
from voicehelper_common import openapi
from voicehelper_dialogue.testing import HEARD, SPOKEN, peak, tone

USER = {"X-User-Id": "00000000-0000-4000-8000-00000000000a", "X-User-Role": "user"}


class Mouth(MediaStreamTrack):
    """A caller's microphone: a tone where `speak` was told so, else silence. 16 kHz."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._words = b""
        self._count = 0
        self._began = time.monotonic()

    def speak(self, seconds: float) -> None:
        self._words += tone(HEARD, seconds, 16000)

    async def recv(self) -> AudioFrame:
        await asyncio.sleep(max(0.0, self._began + self._count * 0.02 - time.monotonic()))
        data, self._words = self._words[:640], self._words[640:]
        frame = AudioFrame(format="s16", layout="mono", samples=320)
        frame.planes[0].update(data.ljust(640, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = 16000, self._count * 320, fractions.Fraction(1, 16000)
        self._count += 1
        return frame


class Caller:
    """A client in a call: what it was told, and what it hears (s16le, 48 kHz)."""

    def __init__(self) -> None:
        self.peer, self.mouth = RTCPeerConnection(), Mouth()
        self.events: list[dict] = []
        self.heard = bytearray()
        self.answer = ""

    def loud(self) -> bytes:
        """What was heard that was not silence."""
        frames = np.frombuffer(bytes(self.heard[: len(self.heard) // 1920 * 1920]), "<i2").reshape(-1, 960)
        return frames[np.abs(frames.astype(float)).mean(axis=1) > 300].tobytes()

    def told(self, kind: str, **facts: object) -> list[dict]:
        return [event for event in self.events if event["type"] == kind and facts.items() <= event.items()]

    async def until(self, kind: str, count: int = 1, seconds: float = 15, **facts: object) -> list[dict]:
        """Events of a kind, once there are so many."""
        async with asyncio.timeout(seconds):
            while len(found := self.told(kind, **facts)) < count:
                await asyncio.sleep(0.02)
        return found

    async def listen(self, track: MediaStreamTrack) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=48000)
        while True:
            for part in resampler.resample(await track.recv()):
                self.heard += bytes(part.planes[0])[: part.samples * 2]


@asynccontextmanager
async def calling(port: int):
    """A call that is connected."""
    caller, tasks = Caller(), []
    caller.peer.on("track", lambda track: tasks.append(asyncio.create_task(caller.listen(track))))
    caller.peer.addTrack(caller.mouth)
    async with connect(f"ws://127.0.0.1:{port}/call", additional_headers=USER) as link:
        await caller.peer.setLocalDescription(await caller.peer.createOffer())
        await link.send(json.dumps({"type": "offer", "sdp": caller.peer.localDescription.sdp}))
        answer = json.loads(await link.recv())
        assert answer["type"] == "answer", answer
        caller.answer = answer["sdp"]
        await caller.peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))

        async def read() -> None:
            async for frame in link:
                caller.events.append(json.loads(frame))

        tasks.append(asyncio.create_task(read()))
        try:
            await caller.until("state", state="listening")
            yield caller, link
        finally:
            for task in tasks:
                task.cancel()
            await caller.peer.close()


def metric(port: int, name: str) -> float:
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


async def test_call(service) -> None:
    """What is said is understood, answered aloud, and timed; media stay in their range of ports."""
    neighbours, port = service
    before = metric(port, "voice_first_audio_seconds_count")
    async with calling(port) as (caller, link):
        ports = {int(line.split()[5]) for line in caller.answer.splitlines() if line.startswith("a=candidate")}
        assert ports and ports <= set(range(41000, 41050)), ports
        caller.mouth.speak(0.8)
        await caller.until("state", count=2, state="listening")
        assert [event["state"] for event in caller.told("state")] == ["listening", "thinking", "speaking", "listening"]
        assert caller.told("transcript", role="user", final=True)[0]["text"] == "a tone was heard"
        assert caller.told("transcript", role="assistant", final=True)[0]["text"] == "First sentence. Second one."
        assert caller.told("sources")[0]["sources"] == [{"title": "A document"}]
        await link.send('{"type": "bye"}')
        await link.wait_closed()
        assert link.close_code == 1000
    assert abs(neighbours.heard[0] - HEARD) < 5
    assert neighbours.said == ["First sentence.", "Second one."]
    assert neighbours.users == [USER["X-User-Id"]]
    loud = caller.loud()
    assert abs(peak(loud, 48000) - SPOKEN) < 5
    assert 0.8 < len(loud) / 2 / 48000 < 1.3, "two sentences of half a second each"
    assert metric(port, "voice_first_audio_seconds_count") == before + 1
    assert metric(port, "voice_calls_active") == 0


async def test_barge_in(service) -> None:
    """Who goes on speaking stops the answer, which is kept as far as it was spoken, and is answered anew in the same conversation."""
    neighbours, port = service
    neighbours.sentences = tuple(f"Sentence number {number}. " for number in range(40))
    neighbours.sentence_seconds = 2
    async with calling(port) as (caller, _):
        caller.mouth.speak(0.5)
        await caller.until("state", state="speaking")
        await asyncio.sleep(0.5)
        caller.mouth.speak(0.5)
        await caller.until("state", count=2, state="listening")
        assert caller.told("transcript", role="assistant", final=True)
        await asyncio.sleep(0.2)
        silent_from = len(caller.heard)
        await caller.until("state", count=2, state="thinking")
        assert max(caller.heard[silent_from : silent_from + 9600 : 2], default=0) == 0 or len(caller.heard) < silent_from + 9600
        await caller.until("state", count=2, state="speaking")
    assert "conversation_id" not in neighbours.questions[0]
    assert neighbours.questions[1]["conversation_id"] == "00000000-0000-4000-8000-000000000001"


async def test_busy(service) -> None:
    """One call more than there is room for is told so, and the service is not ready for further ones meanwhile."""
    _, port = service
    async with calling(port):
        assert httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 503
        async with connect(f"ws://127.0.0.1:{port}/call", additional_headers=USER) as second:
            assert json.loads(await second.recv())["error"]["field"] == "calls"
            with pytest.raises(ConnectionClosed):
                await second.recv()
            assert second.close_code == 1013
    for _ in range(50):
        if httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 200:
            break
        await asyncio.sleep(0.1)
    else:
        pytest.fail("never ready again")


async def test_answer_fails(service) -> None:
    """An answer that there is not is said as an error, and the call goes on."""
    neighbours, port = service
    neighbours.status = 503
    async with calling(port) as (caller, _):
        caller.mouth.speak(0.5)
        assert (await caller.until("error"))[0]["error"]["field"] == "bge-service"
        neighbours.status = 200
        caller.mouth.speak(0.5)
        await caller.until("state", state="speaking")


@pytest.mark.parametrize(
    ("frame", "field", "code"),
    [
        ("no json", "frame", 1003),
        ("[]", "frame", 1003),
        (b"\0\0", "frame", 1003),
        ('{"type": "offer"}', "sdp", 1003),
        ('{"type": "offer", "sdp": "v=0 m=audio"}', "sdp", 1003),
        ('{"type": "offer", "sdp": "m=audio", "conversation_id": "x"}', "conversation_id", 1003),
        (json.dumps({"type": "offer", "sdp": "m=audio" + "x" * 70000}), "frame", 1003),
    ],
)
async def test_bad_signalling(service, frame, field, code) -> None:
    """Each is told what is wrong, and the service lives on."""
    _, port = service
    async with connect(f"ws://127.0.0.1:{port}/call", additional_headers=USER) as link:
        await link.send(frame)
        assert json.loads(await link.recv())["error"]["field"] == field
        with pytest.raises(ConnectionClosed):
            await link.recv()
        assert link.close_code == code
    assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200


async def test_no_user(service) -> None:
    """Without the gateway's word on who calls there is no call."""
    _, port = service
    async with connect(f"ws://127.0.0.1:{port}/call") as link:
        assert json.loads(await link.recv())["error"]["field"] == "X-User-Id"
        with pytest.raises(ConnectionClosed):
            await link.recv()
        assert link.close_code == 1008


async def test_speech_is_full(service) -> None:
    """Where speech recognition has no room the call ends and says why."""
    neighbours, port = service
    neighbours.full = True
    async with calling(port) as (caller, link):
        assert (await caller.until("error"))[0]["error"]["field"] == "speech-service"
        await link.wait_closed()
        assert link.close_code == 1011


def test_announce() -> None:
    """The outer address stands beside the own one, after it."""
    own = "10.0.0.5 40001 typ"
    reflexive = f"a=candidate:2 1 udp 1694498815 192.0.2.1 40001 typ srflx raddr {own[:8]} rport 40001"
    sdp = f"a=mid:0\r\na=candidate:1 1 udp 2130706431 {own} host\r\n{reflexive}\r\n"
    lines = announce(sdp, "203.0.113.7").split("\r\n")
    assert lines[1] == "a=candidate:1 1 udp 2130706431 10.0.0.5 40001 typ host"
    assert lines[2] == "a=candidate:1 1 udp 2130706430 203.0.113.7 40001 typ host"
    assert "203.0.113.7" not in lines[3]
    assert len(lines) == 5
    assert announce(sdp, "") == sdp


def test_openapi() -> None:
    """The API's page is that of the program."""
    assert (Path(__file__).parents[1] / "openapi.json").read_text() == openapi(make_app(VoiceSettings()))
