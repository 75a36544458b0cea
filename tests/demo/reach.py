"""Ways from this machine to services of the lab's cluster that nothing publishes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from lab import workload
from tests.chaos.cluster import APPLICATION, lab

_FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")


@contextmanager
def forwarded(service: str, port: int) -> Iterator[str]:
    """URL at which a service of the application answers on this machine, for as long as the block lasts.

    Raises RuntimeError with what kubectl said where there is no way.
    """
    command = [*workload.kubectl(lab().topology.inventory), f"--namespace={APPLICATION}", "port-forward", "--address=127.0.0.1"]
    process = subprocess.Popen([*command, f"service/{service}", f":{port}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        line = process.stdout.readline()
        if not (found := _FORWARDING.match(line)):
            raise RuntimeError(f"no way to {service}: {line}{process.stdout.read()}")
        yield f"http://127.0.0.1:{found[1]}"
    finally:
        process.terminate()
        process.wait()
