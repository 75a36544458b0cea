"""Write docs/gate.md from what the artifact store remembers of the last green gate: `python -m tests.times`."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

from tests import scenarios, stages

PAGE = stages.PROJECT / "docs/gate.md"


def clock(seconds: float) -> str:
    """Seconds as m:ss."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def machine() -> dict[str, str | int]:
    """What it was measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "?"
    )
    return {"cores": os.cpu_count() or 0, "model": model, "memory_gib": round(memory / 2**30), "kernel": platform.release()}


def taken(seconds: dict[str, float]) -> dict[str, Any]:
    """A green gate as the record keeps it: seconds by stage, where and when."""
    return {"date": time.strftime("%Y-%m-%d"), "machine": machine(), "stages": {name: round(s) for name, s in seconds.items()}}


def page(gate: dict[str, Any] | None) -> str:
    """The page as Markdown. ``gate`` is what ``taken`` gave, None where none was green yet."""
    known = gate["stages"] if gate else {}
    rows = [f"| `{s.name}` | {clock(known[s.name]) if s.name in known else ''} | {s.about} |" for s in stages.ALL if not s.on_demand]
    demanded = [f"| `make test ARGS={stage.name}` | {stage.about} |" for stage in stages.ALL if stage.on_demand]
    return "\n".join([*_head(gate), *rows, *_scenarios(), "| By name only | What it proves |", "|---|---|", *demanded]) + "\n"


def _head(gate: dict[str, Any] | None) -> list[str]:
    if gate:
        host = gate["machine"]
        where = f"on {host['cores']} processors ({host['model']}), {host['memory_gib']} GiB, Linux {host['kernel']}"
        measured = f"The last green gate took {clock(sum(gate['stages'].values()))} {where}, on {gate['date']}."
    else:
        measured = "No gate was green yet on the machine where this was written, so no time is told."
    return [
        "# The gate",
        "",
        "<!-- Written by `python -m tests.times`; do not edit. -->",
        "",
        f"`make test` is what a change must pass, and all that `.ci/run` calls. {measured}",
        "",
        "| Stage | Time | What it proves |",
        "|---|--:|---|",
    ]


def _scenarios() -> list[str]:
    return f"""
## Roles

Each role has a Molecule scenario of its own, and `molecule test -s ROLE` runs it whole: check, converge, idempotence, verify.
The gate repeats nothing role by role that the run of `site.yml` proves of all roles at once:

- The tests of {len(scenarios.on_the_lab())} scenarios run in one process against the lab that `site.yml` has converged (`role-tests`).
  {", ".join(f"`{name}`" for name in scenarios.OWN_CONVERGE)} look at what only their own converge makes, and run whole.
- Scenarios on machines of their own always run whole (`node-roles`): {", ".join(f"`{name}`" for name in scenarios.machines())}.
  The machine of `{scenarios.SHARED}` is that of {", ".join(f"`{name}`" for name in scenarios.together())}.
- Of the others those run whole (`changed-roles`) whose files are not as when the scenario was last green, or as at the first green gate:
  its folder, its role, and of `templates/` and `plugins/` each file whose name stands in these. The store remembers it in `gate.json`.
  At most {scenarios.MOST} run; where no gate was green yet, none. What is left out is printed by name.

## On demand
""".splitlines()


def main() -> None:
    """Entry point."""
    PAGE.write_text(page(scenarios.record().get("gate")))
    print(f"written: {PAGE.relative_to(stages.PROJECT)}")


if __name__ == "__main__":
    main()
