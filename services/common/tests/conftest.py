import json
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

Process = tuple[subprocess.Popen[str], str]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., Process]]:
    """Starts the example service with settings; gives its process and base URL. Its log is read by `stop`."""
    running = []

    def run(**settings: object) -> Process:
        port = free_port()
        env = os.environ | {"HOST": "127.0.0.1", "PORT": str(port)} | {k.upper(): str(v) for k, v in settings.items()}
        process = subprocess.Popen([sys.executable, Path(__file__).with_name("example.py")], env=env, stdout=subprocess.PIPE, text=True)
        running.append(process)
        base = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                httpx.get(base + "/health")
                return process, base
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("the example did not start")

    yield run
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def stop() -> Callable[[subprocess.Popen[str]], list[dict]]:
    """Ends a service by SIGTERM and gives its log, line by line."""

    def end(process: subprocess.Popen[str]) -> list[dict]:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        return [json.loads(line) for line in out.splitlines()]

    return end
