"""Audio between WebRTC, where it is 48 kHz and paced, and the dialogue."""

from __future__ import annotations

import asyncio
import errno
import fractions
import random
import re
import time
from typing import Any

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, AudioResampler

from voicehelper_dialogue.dialogue import RATE

PLAYED_RATE = 48000  # Hz, Opus's own
_FRAME = PLAYED_RATE // 50  # samples of 20 ms
_FRAME_BYTES = _FRAME * 2
_SILENCE = bytes(_FRAME_BYTES)
_MOST_WAITING = PLAYED_RATE * 2 * 20  # bytes: an answer waits while 20 s of it are still to be played
_HOST = re.compile(r"^(a=candidate:\S+ \d+ \S+ )(\d+) (\S+)( \d+ typ host.*)$", re.MULTILINE)


class SpokenTrack(MediaStreamTrack):
    """What is played to the user; silence while there is nothing."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._waiting = bytearray()
        self._resampler: AudioResampler | None = None
        self._rate = 0
        self._count = 0
        self._began = 0.0
        self._room = asyncio.Event()
        self._empty = asyncio.Event()
        self._room.set()
        self._empty.set()

    async def play(self, samples: bytes, rate: int) -> None:
        """Play audio (s16le, mono) after what is waiting; returns when there is room for more."""
        self._waiting += self._at_played_rate(samples, rate)
        if self._waiting:
            self._empty.clear()
        if len(self._waiting) > _MOST_WAITING:
            self._room.clear()
            await self._room.wait()

    def silence(self) -> None:
        """Drop what is waiting."""
        self._waiting.clear()
        self._resampler = None
        self._room.set()
        self._empty.set()

    async def played(self) -> None:
        """Return when nothing is waiting."""
        await self._empty.wait()

    async def recv(self) -> AudioFrame:
        """The next 20 ms, when it is time for them.

        Raises:
            MediaStreamError: the track was stopped.
        """
        if self.readyState != "live":
            raise MediaStreamError
        now = time.monotonic()
        self._began = self._began or now
        await asyncio.sleep(max(0.0, self._began + self._count * _FRAME / PLAYED_RATE - now))
        data = bytes(self._waiting[:_FRAME_BYTES])
        del self._waiting[:_FRAME_BYTES]
        if len(self._waiting) <= _MOST_WAITING:
            self._room.set()
        if not self._waiting:
            self._empty.set()
        frame = AudioFrame(format="s16", layout="mono", samples=_FRAME)
        frame.planes[0].update(data + _SILENCE[len(data) :])
        frame.sample_rate = PLAYED_RATE
        frame.time_base = fractions.Fraction(1, PLAYED_RATE)
        frame.pts = self._count * _FRAME
        self._count += 1
        return frame

    def _at_played_rate(self, samples: bytes, rate: int) -> bytes:
        if self._resampler is None or rate != self._rate:
            self._resampler, self._rate = AudioResampler(format="s16", layout="mono", rate=PLAYED_RATE), rate
        frame = AudioFrame(format="s16", layout="mono", samples=len(samples) // 2)
        frame.planes[0].update(samples)
        frame.sample_rate = rate
        return _samples(self._resampler, frame)


class Microphone:
    """Frames of the user's track as the dialogue hears them."""

    def __init__(self) -> None:
        self._resampler = AudioResampler(format="s16", layout="mono", rate=RATE)

    def samples(self, frame: AudioFrame) -> bytes:
        """A frame as 16 kHz, mono, s16le."""
        return _samples(self._resampler, frame)


def _samples(resampler: AudioResampler, frame: AudioFrame) -> bytes:
    frame.pts = None  # resamplers here are about samples, not about time
    return b"".join(bytes(part.planes[0])[: part.samples * 2] for part in resampler.resample(frame))


def keep_to(ports: range) -> None:
    """Have the running loop bind UDP sockets for which no port is named to one of `ports`: aioice, which makes those of media, cannot.

    A socket for which none is free gets an OSError (EADDRINUSE).
    """
    loop = asyncio.get_running_loop()
    make = loop.create_datagram_endpoint

    async def make_within(factory: Any, local_addr: tuple[str, int] | None = None, **options: Any) -> Any:
        if local_addr is None or local_addr[1]:
            return await make(factory, local_addr=local_addr, **options)
        for port in random.sample(ports, len(ports)):
            try:
                return await make(factory, local_addr=(local_addr[0], port), **options)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        raise OSError(errno.EADDRINUSE, f"no UDP port from {ports[0]} to {ports[-1]} is free")

    loop.create_datagram_endpoint = make_within  # type: ignore[method-assign]


def announce(sdp: str, address: str) -> str:
    """An SDP that offers, beside each host candidate, the same port at `address`; unchanged where that is empty.

    The candidate's own address stays: who is inside reaches that.
    """
    if not address:
        return sdp
    return _HOST.sub(lambda found: f"{found[0]}\r\n{found[1]}{max(1, int(found[2]) - 1)} {address}{found[4]}".replace("\r\r", "\r"), sdp)
