"""What a run of builds shares: scratch space, the Go caches, the registry, and the pulse of the disk."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from artifacts import host, podman, process
from artifacts.recipes import Recipe
from artifacts.registry import Registry
from artifacts.store import ArtifactError, Store, make_readable, write_atomically

# The most that building everything of a kind has at once, measured.
PEAK_GIB = {"go": 15, "image": 5, "base": 5, "hub": 4, "maven": 3, "npm": 2, "python": 1}
FLOOR_GIB = 3  # below this a run stops, before other programs suffer


@dataclass
class Workspace:
    """Shared by all recipes of one run; ``open_workspace`` makes and cleans it."""

    store: Store
    registry: Registry
    arch: str
    go_environment: dict[str, str] = field(default_factory=dict)
    podman_environment: dict[str, str] = field(default_factory=dict)

    def scratch(self, recipe: Recipe) -> Path:
        """A folder for this recipe, removed when it is done. On the store's file system, so that renames are atomic."""
        folder = self.store.work / recipe.slug
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def log(self, recipe: Recipe) -> Path:
        return self.store.logs / f"{recipe.slug}.log"

    def keep_output(self, recipe: Recipe, folder: Path) -> None:
        """Make ``folder`` the recipe's output, in place of an older one."""
        target = self.store.outputs / recipe.slug
        target.parent.mkdir(parents=True, exist_ok=True)
        make_readable(folder)
        if target.exists():
            target.rename(self.scratch(recipe) / "replaced")
        folder.rename(target)

    def install_tool(self, binary: Path) -> None:
        """Put a program into the store's ``tools``."""
        self.store.tools.mkdir(parents=True, exist_ok=True)
        temporary = self.store.tools / f".{binary.name}"
        shutil.copy2(binary, temporary)
        temporary.replace(self.store.tools / binary.name)

    def finish(self, recipe: Recipe, key: str, seconds: float) -> None:
        """Note that the recipe is done, and how long it took, as the last thing."""
        self.clean(recipe)
        write_atomically(self.store.stamp(recipe.slug), f"{key}\n{seconds:.0f}\n")

    def clean(self, recipe: Recipe) -> None:
        shutil.rmtree(self.store.work / recipe.slug, ignore_errors=True)


@contextlib.contextmanager
def open_workspace(store: Store, arch: str, kinds: set[str]) -> Iterator[Workspace]:
    """Prepare for recipes of the given kinds; afterwards only results are left.

    Raises ArtifactError where a tool or the space is missing.
    """
    with store.exclusive():
        host.clear_work(store, keep=host.GO_CACHES.values())  # of a run that was killed; what Go fetched and compiled is as good as new
        peak = max(PEAK_GIB[kind] for kind in kinds)
        if (free := store.free_gib()) < peak:
            raise ArtifactError(
                f"{store.root} has {free:.1f} GiB free, these builds need up to {peak}; make room, or set "
                "VOICEHELPER_LAB_STORE to a folder on a larger disk"
            )
        store.work.mkdir(parents=True, exist_ok=True)
        host.install_packages(kinds, log=store.logs / "packages.log")
        go_environment = host.go_environment(store) if "go" in kinds else {}
        stop_watching = _watch_disk(store)
        try:
            with contextlib.ExitStack() as stack:
                registry = stack.enter_context(Registry.serve(store)) if kinds & {"base", "image"} else Registry.none()
                podman_environment = podman.environment(store, registry.address, storage=store.work / "podman")
                yield Workspace(store, registry, arch, go_environment, podman_environment)
        finally:
            stop_watching.set()
            host.clear_work(store)


def _watch_disk(store: Store) -> threading.Event:
    """End all builds when the disk runs full. Gives the event that ends the watch."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(5):
            if store.free_gib() < FLOOR_GIB:
                process.stop_all(f"less than {FLOOR_GIB} GiB are left at {store.root}; make room and run again")
                return

    threading.Thread(target=watch, name="disk", daemon=True).start()
    return done
