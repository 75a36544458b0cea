"""docs/reliability.md from what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.chaos.events import EVENTS
from tests.chaos.systems import SYSTEMS

Results = dict[str, Any]


def page(results: Results) -> str:
    """The page as Markdown. `results` is {machine, systems: {system: {event: record}}}."""
    there = [system for system in SYSTEMS if results["systems"].get(system.name)]
    parts = [_head(results["machine"]), _silence(results, there), _losses(results, there), _meaning(), _promises(there), _broken(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(machine: dict[str, Any]) -> str:
    where = f"{machine['cores']} cores ({machine['model']}), {machine['memory_gib']} GiB, Linux {machine['kernel']}"
    return (
        "# Reliability\n\n"
        "<!-- Written by `make chaos`; do not edit. -->\n\n"
        f"What the lab's nodes, all on one machine with {where}, made of failures. A client writes numbers one after the other and notes "
        "which were acknowledged; something happens; when all is well again, every acknowledged number must be there. Machines that share "
        "no cores are faster. `make chaos` measures again and writes this page, "
        "`make chaos ARGS='redis --event leader-killed'` does a part of it."
    )


def _silence(results: Results, there: Sequence) -> str:
    text = (
        "The longest time without an acknowledged write, in seconds. ¹: more members were struck than the system can do without, as its "
        "only one; it is away while they are."
    )

    def cell(record: dict[str, Any]) -> str:
        broken = " **too long**" if record["silence"] > record["bound"] else ""
        return f"{record['silence']:.1f}{'¹' if record['alone'] else ''}{broken}"

    table = _matrix(results, there, cell)
    return f"## Seconds without writes\n\n{text}\n\n{table}"


def _losses(results: Results, there: Sequence) -> str:
    text = "Acknowledged writes that were gone afterwards, of all that were acknowledged."

    def cell(record: dict[str, Any]) -> str:
        broken = " **broken promise**" if record["lost"] and "failed" in record else ""
        return f"{record['lost']} of {record['acknowledged']}{broken}"

    table = _matrix(results, there, cell)
    return f"## Acknowledged writes lost\n\n{text}\n\n{table}"


def _matrix(results: Results, there: Sequence, cell: Callable[[dict[str, Any]], str]) -> str:
    def told(record: dict[str, Any] | None) -> str:
        return "" if record is None else cell(record) if "silence" in record else "**failed**"

    rows = [[system.name, *(told(results["systems"][system.name].get(event.name)) for event in EVENTS)] for system in there]
    return _table(["System", *(event.name for event in EVENTS)], rows)


def _meaning() -> str:
    rows = [[f"`{event.name}`", event.about, f"{event.bound:.0f} s", f"{event.alone:.0f} s"] for event in EVENTS]
    heading = ["Event", "What happens", "Without writes at most", "Where too many members are struck"]
    return "## Events\n\n" + _table(heading, rows, right=0)


def _promises(there: Sequence) -> str:
    rows = []
    for system in there:
        exceptions = "; ".join(f"{event}: {why}" for event, why in system.may_lose.items())
        bounds = "; ".join(f"{event}: at most {seconds:.0f} s without writes" for event, seconds in system.bounds.items())
        rows.append([system.name, system.promise, exceptions, bounds])
    return "## What keeps acknowledged writes\n\n" + _table(["System", "Setting", "Not promised", "Bounds of its own"], rows, right=0)


def _broken(results: Results) -> str:
    rows = [
        [system, event, record["failed"]]
        for system, records in results["systems"].items()
        for event, record in records.items()
        if "failed" in record
    ]
    return "## What did not come through\n\n" + _table(["System", "Event", "Why"], rows, right=0) if rows else ""


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]], right: int | None = None) -> str:
    rules = ["---", *("--:" if right is None else "---" for _ in heading[1:])]
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in (list(heading), rules, *cells))
