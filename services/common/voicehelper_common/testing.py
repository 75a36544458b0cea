"""For tests of services: a service as a process of its own, asked over real sockets."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from .settings import Settings


def free_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Service:
    """A running service. What it says goes into a file: a pipe that nobody reads would fill and stop it."""

    def __init__(self, *command: str, port: int | None = None, **settings: object) -> None:
        """Start `python COMMAND…` with `settings` in its environment; it may not listen yet."""
        port = port or free_port()
        env = os.environ | {"HOST": "127.0.0.1", "PORT": str(port), "DRAIN_SECONDS": "0"} | {k.upper(): str(v) for k, v in settings.items()}
        self._output = tempfile.NamedTemporaryFile()  # noqa: SIM115 - it lives as long as the service
        self.process = subprocess.Popen([sys.executable, *command], env=env, stdout=self._output, stderr=subprocess.STDOUT)
        self.base = f"http://127.0.0.1:{port}"

    def said(self) -> str:
        """All that it has said until now."""
        return Path(self._output.name).read_text()

    def wait(self, path: str = "/health", seconds: float = 240) -> Service:
        """Wait until `path` answers with 200.

        Raises:
            AssertionError: it did not in time, or the process ended; with what it said.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if httpx.get(self.base + path, timeout=30).status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        self.kill()
        raise AssertionError(f"{path} did not answer: {self.said()}")

    def failure(self, seconds: float = 240) -> str:
        """What it says when it does not start: it must end by itself, with another code than 0."""
        assert self.process.wait(seconds) != 0
        return self.said()

    def stop(self, seconds: float = 120) -> list[dict]:
        """End it by SIGTERM; gives its log, line by line. It must end with 0."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(seconds) == 0, self.said()
        return [json.loads(line) for line in self.said().splitlines()]

    def kill(self) -> None:
        """End it by SIGKILL, if it still runs."""
        self.process.kill()
        self.process.wait()


def settings_table(kind: type[Settings]) -> str:
    """The settings of a service as its README has them: one line a variable."""
    lines = ["| variable | default | what it is |", "|---|---|---|"]
    for name, field in kind.model_fields.items():
        default = "" if field.is_required() or name in {"member", "threads"} else f"`{field.default}`" if field.default != "" else "empty"
        lines.append(f"| `{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"
