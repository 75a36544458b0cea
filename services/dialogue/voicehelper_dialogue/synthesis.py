"""Text to speech, as tts-service streams it: a WAV whose audio can be played before it has ended."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator

import httpx

from voicehelper_common import http_client

_HEADER_MOST = 4096


class WavStream:
    """Takes a WAV (16 bit, mono) piece by piece, and gives its samples as soon as its header is read.

    `rate` is 0 until then; what the header says of the length is not believed, as a stream cannot know it.
    """

    def __init__(self) -> None:
        self.rate = 0
        self._head = b""
        self._odd = b""

    def add(self, piece: bytes) -> bytes:
        """Samples (s16le) that `piece` brings, whole ones only.

        Raises:
            ValueError: this is no such WAV.
        """
        if self.rate:
            data = self._odd + piece
        else:
            self._head += piece
            start = self._read_header()
            if not start:
                return b""
            data, self._head = self._head[start:], b""
        whole = len(data) // 2 * 2
        self._odd = data[whole:]
        return data[:whole]

    def _read_header(self) -> int:
        """Where samples begin, or 0 while that is not known."""
        head, place, rate = self._head, 12, 0
        if len(head) >= place and (head[:4] != b"RIFF" or head[8:12] != b"WAVE"):
            raise ValueError("no WAV")
        while len(head) >= place + 8:
            name, size = head[place : place + 4], struct.unpack_from("<I", head, place + 4)[0]
            if name == b"data":
                if not rate:
                    raise ValueError("a WAV whose format is not said")
                self.rate = rate
                return place + 8
            if name == b"fmt ":
                if len(head) < place + 24:
                    break
                kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", head, place + 8)
                if kind not in (1, 0xFFFE) or channels != 1 or bits != 16 or not 8000 <= rate <= 192000:
                    raise ValueError(f"a WAV of format {kind}, {channels} channels, {bits} bits, {rate} Hz; wanted 16 bit PCM, mono")
            place += 8 + size + size % 2
        if len(head) > _HEADER_MOST or place > _HEADER_MOST:
            raise ValueError("a WAV whose header does not end")
        return 0


class Voice:
    """A client of tts-service. Use as an async context manager.

    Args:
        url: where a text is posted: `…/stream`, or `…/synthesize` of a service that does not stream.
    """

    def __init__(self, url: str, timeout: float = 20) -> None:
        self._url = url
        self._client = http_client(timeout=httpx.Timeout(timeout, connect=3))

    async def __aenter__(self) -> Voice:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def say(self, text: str) -> AsyncIterator[tuple[bytes, int]]:
        """Audio of a text as it comes: samples (s16le, mono) and their rate in Hz.

        Raises:
            httpx.HTTPError: the service refuses, or is away.
            ValueError: what it sends is no WAV.
        """
        wav = WavStream()
        async with self._client.stream("POST", self._url, json={"text": text}) as answer:
            if answer.is_error:
                await answer.aread()
            answer.raise_for_status()
            async for piece in answer.aiter_bytes():
                if samples := wav.add(piece):
                    yield samples, wav.rate
