"""podman, reduced to what a lab asks of it. Everything made here carries the labels that say whose it is."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from artifacts import process
from artifacts.store import REPOSITORY
from lab.host import podman_environment
from lab.state import LabError, Paths

LABEL_LAB = "io.voicehelper.lab"
LABEL_CLONE = "io.voicehelper.clone"
LABEL_SPEC = "io.voicehelper.spec"


class Podman:
    """Runs podman with the lab's own settings and labels."""

    def __init__(self, paths: Paths) -> None:
        self.topology, self.logs = paths.topology, paths.logs
        self.environment = podman_environment(paths)

    def __call__(self, *arguments: str | Path, check: bool = True) -> str:
        """What podman prints. Raises LabError with its own words when it fails; without ``check`` a failure prints nothing."""
        try:
            return process.output(["podman", *arguments], env=self.environment)
        except LabError:
            if check:
                raise
            return ""

    @property
    def labels(self) -> list[str]:
        """The options that mark an object as this lab's."""
        return ["--label", f"{LABEL_LAB}={self.topology}", "--label", f"{LABEL_CLONE}={REPOSITORY}"]

    def containers(self) -> dict[str, dict]:
        """This lab's containers by name: podman's own description of each (``State``, ``Labels``, …)."""
        listing = self("ps", "--all", "--filter", f"label={LABEL_LAB}={self.topology}", "--format=json")
        return {entry["Names"][0]: entry for entry in json.loads(listing or "[]")}

    def succeeds(self, *arguments: str) -> bool:
        """Whether podman's answer to a question (``… exists``) is yes."""
        try:
            self(*arguments)
        except LabError:
            return False
        return True

    def network(self, name: str) -> dict | None:
        """A network's description, or None when there is no such network."""
        found = json.loads(self("network", "inspect", name, check=False) or "[]")
        return found[0] if found else None

    @contextlib.contextmanager
    def root_of(self, container: str) -> Iterator[Path]:
        """The root file system of a container that is not running, to put files into."""
        root = Path(self("mount", container))
        try:
            yield root
        finally:
            self("umount", container)
