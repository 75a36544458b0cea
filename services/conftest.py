"""What the tests of services share: a service is run as a process of its own, as in its container."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

SERVICES = Path(__file__).parent


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Service:
    """A running service: its process and base URL."""

    def __init__(self, folder: str, settings: dict[str, object]) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        paths = os.pathsep.join(map(str, [SERVICES / "common", SERVICES / folder]))
        env = os.environ | {"HOST": "127.0.0.1", "PORT": str(port), "PYTHONPATH": paths, "LOG_LEVEL": "WARNING", "DRAIN_SECONDS": "0.2"}
        env |= {name.upper(): str(value) for name, value in settings.items()}
        command = [sys.executable, "-m", folder.replace("-", "_")]
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def ready(self, seconds: float = 240) -> "Service":
        """Wait until it can serve. Raises AssertionError with its log if it ends before."""
        stop = time.monotonic() + seconds
        while time.monotonic() < stop:
            assert self.process.poll() is None, self.process.stdout.read()
            try:
                if httpx.get(f"{self.url}/ready", timeout=5).status_code == 200:
                    return self
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError("not ready in time")

    def failure(self, seconds: float = 240) -> str:
        """What it says when it does not start."""
        output, _ = self.process.communicate(timeout=seconds)
        assert self.process.returncode
        return output

    def stop(self) -> int:
        """End it as Kubernetes does; gives its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@pytest.fixture(scope="session", name="free_port")
def _free_port() -> Callable[[], int]:
    """Gives a port that nobody listens on, at each call another."""
    return free_port


@pytest.fixture(scope="session")
def service() -> Iterator[Callable[..., Service]]:
    """Starts the service in a folder of `services/` with settings; all are ended with the tests."""
    running: list[Service] = []

    def start(folder: str, **settings: object) -> Service:
        running.append(Service(folder, settings))
        return running[-1]

    yield start
    for one in running:
        one.process.kill()
        one.process.wait()
