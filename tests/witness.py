"""What the machine under the gate and the lab's nodes went through, for whoever reads later why a stage failed."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from tests import nodes

SECONDS = 10  # between two looks
GIB = 2**30
_ALL_WAITED = re.compile(r"^full avg10=([\d.]+)", re.MULTILINE)
_ENDED = """
crictl=/usr/local/bin/crictl
test -x $crictl || exit 0
for id in $($crictl ps --all --quiet --state Exited); do $crictl inspect --output json $id | tr -d '\\n'; echo; done
"""


def look(folder: Path) -> dict[str, float]:
    """The machine now: load, GiB of memory available and of disk free below ``folder``, percent of time that all processes waited (PSI)."""
    memory = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    disk = os.statvfs(folder)
    pressure = {name: path.read_text() for name in ("memory", "io") if (path := Path("/proc/pressure") / name).exists()}
    return {
        "load": os.getloadavg()[0],
        "memory_gib": int(memory["MemAvailable"].split()[0]) * 1024 / GIB,
        "disk_gib": disk.f_bavail * disk.f_frsize / GIB,
        **{f"{name}_waited": float(_ALL_WAITED.search(text)[1]) for name, text in pressure.items()},
    }


@contextmanager
def every(seconds: float, do: Callable[[], None]) -> Iterator[None]:
    """Do something again and again, beside the block, until that ends."""
    end = threading.Event()

    def watch() -> None:
        while not end.wait(seconds):
            do()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        end.set()
        watcher.join()


@contextmanager
def of_machine(log: Path) -> Iterator[list[dict[str, float]]]:
    """Look at the machine until the block ends; each look is a line of ``log`` (JSON) and of the list that is given."""
    looks: list[dict[str, float]] = []
    log.unlink(missing_ok=True)

    def note() -> None:
        looks.append({"time": time.time(), **look(log.parent)})
        with suppress(OSError), log.open("a") as stream:  # a full disk is what one would want to read of
            print(json.dumps(looks[-1]), file=stream)

    with every(SECONDS, note):
        yield looks


def summary(looks: list[dict[str, float]]) -> str:
    """The worst of several looks, as a sentence."""
    if not looks:
        return "the machine was not looked at in so short a time"
    most, least = ({name: pick(one[name] for one in looks) for name in looks[0]} for pick in (max, min))
    waited = ", ".join(
        f"all processes waited for {name} up to {most[f'{name}_waited']:.0f} %" for name in ("memory", "io") if f"{name}_waited" in most
    )
    return (
        f"the machine from {_clock(looks[0])} to {_clock(looks[-1])}: load up to {most['load']:.0f},"
        f" at least {least['memory_gib']:.1f} GiB of memory available"
        f" and {least['disk_gib']:.0f} GiB of disk free{', ' if waited else ''}{waited}"
    )


def _clock(look: dict[str, float]) -> str:
    """As what runs on the nodes says it."""
    return f"{datetime.fromtimestamp(look['time'], UTC):%H:%M:%S}"


def ended() -> list[str]:
    """Containers of the lab's nodes that ended and are not forgotten: node, pod, container, how often before, exit code and reason, when.

    Raises AssertionError where a node does not answer.
    """
    found = []
    for node, text in nodes.shell(_ENDED).items():
        for status in (json.loads(line)["status"] for line in text.splitlines() if line):
            if status["exitCode"] or status["metadata"].get("attempt"):
                labels, attempt = status["labels"], status["metadata"].get("attempt", 0)
                name = f"{labels['io.kubernetes.pod.namespace']}/{labels['io.kubernetes.pod.name']}/{status['metadata']['name']}"
                when = status["finishedAt"][:19]
                found.append(
                    f"{when} {node} {name}, after {attempt} restarts: exit code {status['exitCode']}, {status.get('reason') or '?'}"
                )
    return sorted(found)
