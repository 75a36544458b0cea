"""One call: signalling over a WebSocket, media by WebRTC, and the dialogue between them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import Any
from uuid import UUID

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from fastapi import WebSocket, WebSocketDisconnect

from voicehelper_dialogue import Dialogue, DialogueError, Voice

from .answers import Answers
from .media import Microphone, SpokenTrack, announce
from .settings import VoiceSettings

_log = logging.getLogger(__name__)
LONGEST_FRAME = 64 * 1024  # characters of signalling


class Call:
    """A call that is about to begin.

    Args:
        user: the gateway's headers that say who calls.
    """

    def __init__(self, socket: WebSocket, settings: VoiceSettings, answers: Answers, voice: Voice, user: dict[str, str]) -> None:
        self._socket, self._settings, self._answers, self._voice, self._user = socket, settings, answers, voice, user
        servers = [RTCIceServer(**server) for server in settings.ice_servers]
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._track = SpokenTrack()
        self._connected = asyncio.Event()
        self._lost = asyncio.Event()
        self._microphone: asyncio.Future[MediaStreamTrack] = asyncio.get_running_loop().create_future()
        self._gone = False

    async def hold(self) -> str:
        """Hold the call until one side ends it; gives how it ended: `ended`, `lost`, `too long`.

        Raises:
            DialogueError: it cannot be held.
            WebSocketDisconnect: the client went before there was a call.
        """
        try:
            conversation_id = await self._answer_offer()
            try:
                async with asyncio.timeout(self._settings.connect_seconds):
                    await self._connected.wait()
                    microphone = await self._microphone
            except TimeoutError as error:
                wanted = f"media within {self._settings.connect_seconds:g} s"
                raise DialogueError("media", "no way between the two ends", wanted) from error
            return await self._talk(microphone, conversation_id)
        finally:
            self._gone = True
            self._track.stop()
            await self._peer.close()

    async def _answer_offer(self) -> str | None:
        """Agree on media with the client; gives the conversation that it goes on with."""
        if self._settings.ice_servers:
            await self._socket.send_json({"type": "config", "ice_servers": self._settings.ice_servers})
        try:
            async with asyncio.timeout(self._settings.connect_seconds):
                frame = await self._frame("offer")
        except TimeoutError as error:
            raise DialogueError("frame", "nothing", f"an offer within {self._settings.connect_seconds:g} s") from error
        conversation_id = frame.get("conversation_id")
        try:
            if conversation_id is not None:
                conversation_id = str(UUID(conversation_id))
        except (ValueError, AttributeError, TypeError) as error:
            raise DialogueError("conversation_id", "no UUID", "a UUID, or nothing") from error
        sdp = frame.get("sdp")
        if not isinstance(sdp, str) or "m=audio" not in sdp:
            raise DialogueError("sdp", "no offer of audio", "an SDP with an audio section")

        self._peer.on("connectionstatechange", self._on_state)
        self._peer.on("track", self._on_track)
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            self._peer.addTrack(self._track)
            await self._peer.setLocalDescription(await self._peer.createAnswer())
        except Exception as error:  # a stranger's SDP can fail in any way there is
            _log.info("An offer was not taken: %s: %s", type(error).__name__, error)
            raise DialogueError("sdp", "an offer that cannot be taken", "an SDP with Opus audio both ways") from error
        await self._socket.send_json({"type": "answer", "sdp": announce(self._peer.localDescription.sdp, self._settings.announced_address)})
        return conversation_id

    async def _talk(self, microphone: MediaStreamTrack, conversation_id: str | None) -> str:
        dialogue = Dialogue(self._settings.speech_url, self._voice, self._answers.of(self._user, conversation_id), self)
        ends = {
            asyncio.create_task(self._hear(microphone, dialogue)): "lost",
            asyncio.create_task(self._lost.wait()): "lost",
            asyncio.create_task(self._until_bye()): "ended",
            asyncio.create_task(dialogue.run()): "failed",
        }
        try:
            done, _ = await asyncio.wait(ends, timeout=self._settings.max_call_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        if not done:
            return "too long"
        for task in done:
            if error := task.exception():
                raise error
        return ends[done.pop()]

    async def _hear(self, microphone: MediaStreamTrack, dialogue: Dialogue) -> None:
        converter = Microphone()
        with contextlib.suppress(MediaStreamError):
            while True:
                dialogue.hear(converter.samples(await microphone.recv()))

    async def _until_bye(self) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while (await self._frame())["type"] != "bye":
                pass

    async def _frame(self, wanted: str = "") -> dict[str, Any]:
        """The next frame of the client, of the type `wanted` if one is; others are ignored then.

        Raises:
            DialogueError: it is none of signalling.
            WebSocketDisconnect: the client went.
        """
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1000))
            text = message.get("text")
            if text is None or len(text) > LONGEST_FRAME:
                raise DialogueError("frame", "audio, or too long a text", f"JSON of at most {LONGEST_FRAME} characters")
            try:
                frame = json.loads(text)
                kind = frame["type"]
            except (ValueError, KeyError, TypeError) as error:
                raise DialogueError("frame", "no JSON object with a type", 'such as {"type": "offer", "sdp": …}') from error
            if not wanted or kind == wanted:
                return frame
            if kind == "bye":
                raise WebSocketDisconnect(1000)

    def _on_state(self) -> None:
        match self._peer.connectionState:
            case "connected":
                self._connected.set()
            case "failed" | "closed":
                self._lost.set()

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio" and not self._microphone.done():
            self._microphone.set_result(track)

    # What the dialogue asks of an ear

    async def tell(self, event: dict[str, Any]) -> None:
        """Send an event, as long as somebody is there."""
        if not self._gone:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
                await self._socket.send_json(event)

    async def play(self, samples: bytes, rate: int) -> None:
        """Play audio."""
        await self._track.play(samples, rate)

    def silence(self) -> None:
        """Drop what is still to be played."""
        self._track.silence()

    async def played(self) -> None:
        """Return when all has been played."""
        await self._track.played()
