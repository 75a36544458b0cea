"""What voice-service can be told; the variable's name is the field's, in capitals."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from voicehelper_common import Settings


class VoiceSettings(Settings):
    """Addresses of what it uses, bounds of calls, and how media get through."""

    port: int = Field(8001, ge=1, le=65535, description="port of signalling to listen on")
    drain_seconds: float = Field(
        60, ge=0, le=3600, description="seconds after SIGTERM in which calls may come to their end; without calls it stops at once"
    )
    grace_seconds: float = Field(5, gt=0, le=600, description="seconds that are left for closing after that")

    algo_service_url: str = "http://algo-service:8000"
    speech_url: str = Field("ws://speech-service:8002/stream", description="WebSocket of speech to text")
    tts_url: str = Field(
        "http://tts-service:8003/stream", description="where text to speech takes a text; …/synthesize of one that does not stream"
    )
    answer_timeout: float = Field(60, gt=0, description="seconds of silence after which an answer is given up")

    max_calls: int = Field(8, ge=1, description="calls of this process at once; further ones are told that it is busy")
    max_call_seconds: float = Field(3600, gt=0, description="longest call")
    connect_seconds: float = Field(15, gt=0, description="seconds in which an offer must come, and then media must get through")

    media_ports: str = Field("40000-40199", description="UDP ports of media, first-last")
    announced_address: str = Field("", description="address under which media reach this process from outside, where that is not its own")
    stun_url: str = Field("", description="such as stun:stun.example:3478; told to clients too")
    turn_url: str = Field("", description="such as turn:turn.example:3478?transport=udp; told to clients too, with its user and password")
    turn_username: str = ""
    turn_password: SecretStr = SecretStr("")

    @field_validator("media_ports")
    @classmethod
    def _range(cls, value: str) -> str:
        first, _, last = value.partition("-")
        if not (first.isdecimal() and last.isdecimal() and 1024 <= int(first) <= int(last) <= 65535):
            raise ValueError("two ports from 1024 to 65535 with - between them, the lower one first")
        return value

    @property
    def ports(self) -> range:
        """The UDP ports of media."""
        first, last = self.media_ports.split("-")
        return range(int(first), int(last) + 1)

    @property
    def ice_servers(self) -> list[dict[str, str | list[str]]]:
        """STUN and TURN as browsers are told of them."""
        stun = [{"urls": [self.stun_url]}] if self.stun_url else []
        turn = [{"urls": [self.turn_url], "username": self.turn_username, "credential": self.turn_password.get_secret_value()}]
        return stun + (turn if self.turn_url else [])
