"""Runs recipes, some at a time, in the order of their needs, and shows what runs and how long it will take."""

from __future__ import annotations

import signal
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from artifacts import process
from artifacts.freshness import Freshness
from artifacts.makers import kind_of
from artifacts.recipes import Cookbook, Recipe
from artifacts.store import ArtifactError, Store
from artifacts.workspace import Workspace, open_workspace

JOBS = 3  # two keep two cores busy; the third fills the time in which one of them fetches or links


@dataclass
class Progress:
    """What the live display shows; on a plain stream each change is a line of its own."""

    console: Console
    total: int
    left: dict[str, int]  # estimated seconds of each recipe that is not done
    jobs: int  # recipes at a time
    started: float = field(default_factory=time.monotonic)
    running: dict[str, float] = field(default_factory=dict)

    def begin(self, recipe: Recipe) -> None:
        self.running[recipe.name] = time.monotonic()
        if not self.console.is_terminal:
            self.console.print(f"{recipe.name}: started · {self.summary()}")

    def end(self, recipe: Recipe) -> None:
        took = time.monotonic() - self.running.pop(recipe.name)
        self.left.pop(recipe.name)
        self.console.print(f"[green]{recipe.name}[/]: done in {_clock(took)} · {self.summary()}")

    def fail(self, recipe: Recipe, error: str) -> None:
        del self.running[recipe.name]
        self.left.pop(recipe.name)
        self.console.print(f"[red]{recipe.name}[/]: failed: {escape(error.splitlines()[0])}")

    def summary(self) -> str:
        """Done of all, time spent, time left."""
        now = time.monotonic()
        left = sum(self.left.values())
        left -= sum(min(now - since, self.left[name]) for name, since in self.running.items())
        left /= max(1, min(self.jobs, len(self.left)))
        done = self.total - len(self.left)
        return f"{done} of {self.total} · {_clock(now - self.started)} · about {_clock(left)} left"

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, since in self.running.items():
            table.add_row("…", name, _clock(time.monotonic() - since))
        table.add_row("", self.summary(), "")
        return table


def build(book: Cookbook, store: Store, recipes: list[Recipe], *, jobs: int, console: Console) -> list[str]:
    """Make all ``recipes`` that the store does not hold; they come with their needs, in order.

    Gives the names of those made. Raises ArtifactError naming each that failed, after making what does not need them.
    """
    freshness = Freshness(book)
    todo = [recipe for recipe in recipes if not freshness.done(recipe, store)]
    if not todo:
        return []
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a plain kill cleans up as Ctrl-C does
    progress = Progress(console, len(todo), {recipe.name: recipe.seconds for recipe in todo}, jobs)
    live = Live(progress, console=console, refresh_per_second=2, transient=True)
    with (
        open_workspace(store, book.arch, {recipe.kind for recipe in todo}) as workspace,
        live if console.is_terminal else nullcontext(),
    ):
        failures = _run_all(todo, freshness, workspace, progress, jobs)
    if failures:
        raise ArtifactError("\n\n".join(f"{name}: {error}" for name, error in failures.items()))
    return [recipe.name for recipe in todo]


def _run_all(todo: list[Recipe], freshness: Freshness, workspace: Workspace, progress: Progress, jobs: int) -> dict[str, str]:
    waiting = {recipe.name: recipe for recipe in todo}
    failures: dict[str, str] = {}
    futures: dict[Future[None], Recipe] = {}

    def make(recipe: Recipe) -> None:
        started, key = time.monotonic(), freshness.key(recipe.name)
        workspace.log(recipe).unlink(missing_ok=True)
        kind_of(recipe).make(recipe, freshness.book, workspace)
        workspace.finish(recipe, key, time.monotonic() - started)

    with ThreadPoolExecutor(jobs) as pool:
        try:
            while waiting or futures:
                for recipe in list(waiting.values()):
                    if blockers := [need for need in recipe.needs if need in failures]:
                        failures[recipe.name] = f"not made, because {', '.join(blockers)} failed"
                        del waiting[recipe.name]
                    elif len(futures) < jobs and not _pending(recipe, waiting, futures):
                        progress.begin(recipe)
                        futures[pool.submit(make, recipe)] = waiting.pop(recipe.name)
                for future in wait(futures, return_when=FIRST_COMPLETED).done:
                    recipe = futures.pop(future)
                    if error := future.exception():
                        if not isinstance(error, (ArtifactError, OSError)):
                            raise error
                        failures[recipe.name] = str(error)
                        progress.fail(recipe, str(error))
                        workspace.clean(recipe)
                    else:
                        progress.end(recipe)
        except BaseException:
            process.stop_all("interrupted")
            progress.console.print("stopping; what is done stays, and the same command goes on from there")
            raise
    return failures


def _pending(recipe: Recipe, waiting: dict[str, Recipe], futures: dict[Future[None], Recipe]) -> bool:
    running = {other.name for other in futures.values()}
    return any(need in waiting or need in running for need in recipe.needs)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(max(seconds, 0)), 60)
    return f"{minutes}:{seconds:02d}"
