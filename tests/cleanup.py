"""What a run started it also removes; a lab and machines that were there before stay."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lab.cluster import Lab
from lab.podman import LABEL_CLONE, LABEL_LAB
from lab.state import Paths
from lab.topology import OWN, load
from tests.stages import LAB, PROJECT


@contextmanager
def own_lab(execute: Callable) -> Iterator[None]:
    """Remove, however the run ends, the machines that it starts. ``execute`` is that of the runner."""
    before, scenarios = lab_is_up(), left_scenarios()
    try:
        yield
    finally:
        for name in left_scenarios() - scenarios:  # of a scenario that did not come to its own end
            print(f"\nRemoving the machine that scenario {name} left", flush=True)
            execute(["molecule", "destroy", "--scenario-name", name], None, 180)
        if not before and lab_is_up():
            print("\nRemoving the lab that this run started", flush=True)
            execute([*LAB, "down"], None, 180)


def lab_is_up() -> bool:
    """Whether the lab's own topology has any container."""
    paths = Paths.of(OWN)
    try:
        return bool(Lab(paths, load(paths)).podman.containers())
    except (FileNotFoundError, subprocess.CalledProcessError):  # no podman yet, so no lab
        return False


def left_scenarios() -> set[str]:
    """Molecule scenarios of this clone that still have a machine."""
    labels = ("--filter", f"label={LABEL_CLONE}={PROJECT}", "--format", f'{{{{index .Labels "{LABEL_LAB}"}}}}')
    try:
        found = subprocess.run(["podman", "ps", "--all", *labels], capture_output=True, text=True, check=True).stdout.split()
    except FileNotFoundError:  # no podman yet, so no machine
        return set()
    return {name.removeprefix("molecule-") for name in found if name.startswith("molecule-")}
