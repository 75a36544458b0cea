"""Pods of tests in the application's namespace: each made like those of a workload that is there, to run a program of the tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.chaos.cluster import APPLICATION, DOMAIN, kubectl, objects

START_SECONDS = 180
ENDS_SECONDS = 1800  # whatever becomes of who started them


class Pod:
    """A pod in which programs run.

    :param kind: `deployment` or `statefulset`, and
    :param like: its name, of whose pods it takes image, settings and files, and
    :param namespace: where that is.
    :param access: services that it may reach.
    :param command: what it runs; by default it waits for what is run in it.
    :param memory: its limit, as Kubernetes has it; the model's own by default.
    :param environment: variables beside or in place of the model's; a value is text, or (Secret, key).
    """

    def __init__(
        self,
        name: str,
        kind: str,
        like: str,
        namespace: str,
        *,
        access: Sequence[str] = (),
        command: Sequence[str] = ("sleep", str(ENDS_SECONDS)),
        memory: str = "",
        environment: Mapping[str, str | tuple[str, str]] | None = None,
    ) -> None:
        self.name = name
        (model,) = objects(kind, like, f"--namespace={namespace}")
        pod = model["spec"]["template"]["spec"]
        source = pod["containers"][0]
        resources = source["resources"]
        if memory:
            resources = {"requests": {**resources["requests"], "memory": "64Mi"}, "limits": {**resources["limits"], "memory": memory}}
        variables = {entry["name"]: entry for entry in source.get("env", [])}
        variables |= {key: _variable(key, value) for key, value in (environment or {}).items()}
        there = {volume["name"] for volume in pod["volumes"]}  # a claim's is no part of the template
        mounts = [mount for mount in source["volumeMounts"] if mount["name"] in there]
        volumes = [volume for volume in pod["volumes"] if volume["name"] in {mount["name"] for mount in mounts}]
        labels = {"app.kubernetes.io/name": name, **{f"{DOMAIN}/access-{service}": "true" for service in access}}
        container = {
            "name": "program",
            "image": source["image"],
            "command": list(command),
            "env": list(variables.values()),
            "resources": resources,
            "securityContext": source["securityContext"],
            "volumeMounts": [*mounts, {"name": "scratch", "mountPath": "/scratch"}],
        }
        self._manifest: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "restartPolicy": "Never",
                "activeDeadlineSeconds": ENDS_SECONDS,
                "terminationGracePeriodSeconds": 0,
                "securityContext": pod["securityContext"],
                "containers": [container],
                "volumes": [*volumes, {"name": "scratch", "emptyDir": {}}],
            },
        }

    def start(self) -> None:
        """Return when it runs. Raises ClusterError."""
        self.stop()
        self._kubectl("create", "--filename=-", text=json.dumps(self._manifest))
        self._kubectl("wait", f"pod/{self.name}", "--for=condition=Ready", f"--timeout={START_SECONDS}s", seconds=START_SECONDS + 10)

    def stop(self) -> None:
        """Remove it."""
        self._kubectl("delete", "pod", self.name, "--ignore-not-found", "--grace-period=0", "--force")

    def run(self, program: Path, order: Mapping[str, Any], *words: str, seconds: float = 300) -> Any:
        """What a program tells of an order, both of them JSON. Raises ClusterError."""
        return json.loads(self.ask(program, *words, text=json.dumps(order) + "\n", seconds=seconds).splitlines()[-1])

    def ask(self, program: Path, *words: str, text: str = "", seconds: float = 300) -> str:
        """The output of a program in it. Raises ClusterError."""
        return self._kubectl("exec", "--stdin", self.name, "--", "python3", "-c", program.read_text(), *words, text=text, seconds=seconds)

    def begin(self, *command: str) -> None:
        """Start a program in it that goes on until the pod ends."""
        self._kubectl("exec", self.name, "--", "sh", "-c", '"$@" >/scratch/log 2>&1 </dev/null &', "sh", *command)

    def lines(self) -> list[str]:
        """What its command has printed. Raises ClusterError."""
        return self._kubectl("logs", self.name).splitlines()

    def _kubectl(self, *words: str, text: str | None = None, seconds: float = 60) -> str:
        return kubectl(f"--namespace={APPLICATION}", *words, text=text, seconds=seconds)


def _variable(name: str, value: str | tuple[str, str]) -> dict[str, Any]:
    if isinstance(value, str):
        return {"name": name, "value": value}
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": value[0], "key": value[1]}}}


@contextmanager
def running(*pods: Pod) -> Iterator[None]:
    """They run as long as the block, and are gone after it."""
    try:
        for pod in pods:
            pod.start()
        yield
    finally:
        for pod in pods:
            pod.stop()
