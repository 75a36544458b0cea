"""What is going on, how far it is, how long it has taken: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from artifacts import process

Item = TypeVar("Item")
Result = TypeVar("Result")
console = Console(stderr=True, highlight=False)
WORKERS = 8  # podman takes locks of its own; more than this only wait


def step(title: str, work: Callable[[], Result]) -> Result:
    """Do one piece of work that has no parts."""
    return each(title, [None], lambda _: work())[0]


def each(title: str, items: Sequence[Item], work: Callable[[Item], Result]) -> list[Result]:
    """Do the same for every item, in parallel; results in the order of the items.

    Every item gets its turn; then the first failure is raised.
    """
    started = time.monotonic()
    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task(f"{title:<28}", total=len(items))
        with ThreadPoolExecutor(WORKERS) as pool:
            futures = [pool.submit(work, item) for item in items]
            try:
                _advance(futures, lambda: progress.advance(bar))
            except BaseException:
                process.stop_all("interrupted")
                raise
        results = [future.result() for future in futures]
    if not console.is_terminal:
        console.print(f"{title}: {len(items)}/{len(items)} in {time.monotonic() - started:.1f} s")
    return results


def _advance(futures: Iterable, done: Callable[[], None]) -> None:
    for _ in as_completed(futures):
        done()
