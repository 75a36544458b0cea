from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from voicehelper_common.testing import Service


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., Service]]:
    """Starts the example service with settings."""
    running = []

    def run(**settings: object) -> Service:
        running.append(Service(str(Path(__file__).with_name("example.py")), **settings))
        return running[-1].wait()

    yield run
    for service in running:
        service.kill()
