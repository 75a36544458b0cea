"""A stream of writes from a pod of its own, and what became of the acknowledged ones."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.chaos.cluster import DOMAIN, ClusterError, kubectl, objects, wait
from tests.chaos.systems import System

CLIENTS = Path(__file__).parent / "clients"
START_SECONDS = 300  # of the pod that writes, where machines have just restarted
RESUME_SECONDS = 360
READ_SECONDS = 120
FIRST_NUMBER = 10**12  # numbers start at the time in milliseconds


@dataclass(frozen=True)
class Verdict:
    """What a stream saw from `since` on: the longest time without an acknowledgement, and the writes that are gone."""

    silence: float
    acknowledged: int
    errors: int
    lost: list[int]


class Stream:
    """Writes to a system, one number after the other, from a pod that is made of the toolbox's.

    :param pause: seconds between two writes.
    """

    def __init__(self, system: System, pause: float = 0.05) -> None:
        self.system, self.pause = system, pause
        self.pod = f"chaos-{system.dashed}"
        self.program = (CLIENTS / f"{system.name}.py").read_text()

    def start(self, *avoid: str) -> None:
        """Start writing, on none of the nodes `avoid`; returns when writes are acknowledged."""
        self.stop()
        kubectl("create", "--filename=-", text=json.dumps(self._manifest(avoid)))
        wait(lambda: len(self.acknowledged()) > 10, START_SECONDS, f"{self.system.name}: writes that are acknowledged")
        first = min(self.acknowledged())
        if first < FIRST_NUMBER:
            raise ClusterError(
                f"{self.pod}: found {first} as the first number; wanted the time in milliseconds, lest runs repeat each other"
            )

    def stop(self) -> None:
        """Stop writing."""
        kubectl("delete", "pod", self.pod, "--ignore-not-found", "--grace-period=0", "--force", "--wait=true")

    def close(self) -> None:
        """Remove what was written, and the pod, as far as the cluster lets that happen."""
        with suppress(ClusterError):
            self.ask("clean")
        wait(lambda: self.stop() is None, START_SECONDS, f"{self.pod}: gone")

    def node(self) -> str:
        """Where the pod is."""
        return objects("pod", self.pod)[0]["spec"]["nodeName"]

    def ask(self, mode: str, seconds: float = 60) -> str:
        """Run the client's program in another mode, beside the writer."""
        return kubectl("exec", self.pod, "--", "python3", "-c", self.program, mode, seconds=seconds)

    def acknowledged(self) -> dict[int, float]:
        """When which number was acknowledged."""
        return _acknowledged(self._lines())

    def go_on(self, moment: float) -> None:
        """Return when a write was acknowledged after a moment."""
        wait(lambda: max(self.acknowledged().values()) > moment, RESUME_SECONDS, f"{self.system.name}: writes go on")

    def judge(self, since: float) -> Verdict:
        """What became of the writes since a moment, by what is there now."""
        lines = self._lines()
        there = wait(lambda: self.ask("read", READ_SECONDS), READ_SECONDS, f"{self.system.name}: what was written can be read")
        return judged(lines, {int(word) for word in there.split() if word.isdecimal()}, since)

    def _lines(self) -> list[list[str]]:
        return [line.split() for line in kubectl("logs", self.pod).splitlines() if line]

    def _manifest(self, avoid: Sequence[str]) -> dict:
        toolbox = objects("deployment", "toolbox")[0]["spec"]["template"]["spec"]
        container = toolbox["containers"][0]
        secrets = [
            {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
            for variable, (secret, key) in self.system.secrets.items()
        ]
        plain = [{"name": "START", "value": str(int(time.time() * 1000))}, {"name": "PAUSE", "value": str(self.pause)}]
        plain += [{"name": variable, "value": value} for variable, value in self.system.settings.items()]
        container |= {"name": "writer", "command": ["python3", "-c", self.program, "write"], "env": container["env"] + secrets + plain}
        term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": list(avoid)}]}
        affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": self.pod, "labels": {"app.kubernetes.io/name": "chaos", f"{DOMAIN}/access-{self.system.dashed}": "true"}},
            "spec": {**toolbox, "containers": [container], "restartPolicy": "Never", **({"affinity": affinity} if avoid else {})},
        }


def judged(lines: list[list[str]], there: set[int], since: float) -> Verdict:
    """The verdict on what a writer said: `N time` for an acknowledged number, `error time reason` for a failure."""
    times = _acknowledged(lines)
    before = [moment for moment in times.values() if moment <= since]
    moments = [*([max(before)] if before else []), *sorted(moment for moment in times.values() if moment > since)]
    silence = max((later - earlier for earlier, later in pairwise(moments)), default=0.0)
    failed = sum(1 for words in lines if words[0] == "error" and float(words[1]) > since)
    return Verdict(silence, len(times), failed, sorted(times.keys() - there))


def _acknowledged(lines: list[list[str]]) -> dict[int, float]:
    """Numbers and moments; a library may have its own word in between."""
    return {int(words[0]): float(words[1]) for words in lines if words[0].isdecimal()}
