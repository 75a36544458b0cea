"""systemd units and the files that they read: a change that is not in force yet is marked until it is.

A mark is made before the file is replaced and removed after the restart, so a run that dies in between leaves the restart to the next one.
Marks lie in /run: a boot brings everything into force and takes them along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

MARKS = Path("/run/voicehelper/pending")
RELOAD = "daemon-reload"
READ_BY_SYSTEMD = "/etc/systemd/system"  # units, and system.conf.d
PROPERTIES = ("ActiveState", "UnitFileState", "NeedDaemonReload", "MainPID")


class UnitError(Exception):
    """A unit could not be brought to what is wanted; the text names it and what systemctl said."""


def readers(path: str, *units: str | None) -> list[str]:
    """Who must take over a change of this file: systemd itself, units, both or nobody."""
    return [RELOAD] * path.startswith(READ_BY_SYSTEMD) + [unit for unit in units if unit]


def mark(names: Iterable[str]) -> None:
    """Remember that these have not taken over a change yet."""
    for name in names:
        MARKS.mkdir(parents=True, exist_ok=True)
        (MARKS / name).touch()


def marked(names: Iterable[str]) -> set[str]:
    """Those of the names that have a change to take over, from this run or from one that died."""
    return {name for name in names if (MARKS / name).exists()}


def program_replaced(pid: int) -> bool:
    """Whether the program file of a running process was replaced since it started; pid 0 is no process."""
    try:
        return str(Path("/proc", str(pid), "exe").readlink()).endswith(" (deleted)")
    except OSError:
        return False


def look(run: Callable, names: list[str]) -> dict[str, dict[str, str]]:
    """PROPERTIES of each unit; of one that is not there they are empty or inactive. Raises UnitError."""
    if not names:
        return {}
    rc, out, err = run(["systemctl", "show", f"--property={','.join(PROPERTIES)}", *names])
    if rc:
        raise UnitError(f"{', '.join(names)}: systemctl could not tell their state: {err.strip()}")
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in out.strip().split("\n\n")]
    return dict(zip(names, blocks, strict=True))


def steps(
    state: dict[str, dict[str, str]], running: list[str], pending: set[str], reloaded: frozenset[str] = frozenset()
) -> list[tuple[str, ...]]:
    """Arguments of systemctl, in order, that bring the units to what is wanted and what is pending into force.

    `reloaded` are units that take a change over without a restart.
    """
    todo: list[tuple[str, ...]] = []
    if RELOAD in pending or any(unit["NeedDaemonReload"] == "yes" for unit in state.values()):
        todo.append((RELOAD,))
    for name, unit in state.items():
        if unit["UnitFileState"] == "masked":
            todo.append(("unmask", name))
        if unit["UnitFileState"] != "enabled":
            todo.append(("enable", name))
    replaced = {name for name, unit in state.items() if program_replaced(int(unit.get("MainPID") or 0))}
    restarted = sorted((pending | replaced) - {RELOAD} - (reloaded - replaced))
    todo += [("restart", name) for name in restarted] + [("reload", name) for name in sorted(pending & (reloaded - replaced))]
    todo += [("start", name) for name in running if name not in restarted and state[name]["ActiveState"] not in ("active", "reloading")]
    return todo


def take(run: Callable, todo: list[tuple[str, ...]]) -> None:
    """Do the steps; a mark goes when its step is done. Raises UnitError at the first that fails."""
    for step in todo:
        rc, _, err = run(["systemctl", *step])
        if rc:
            raise UnitError(f"{step[-1]}: `systemctl {' '.join(step)}` failed ({rc}): {err.strip()}. The next run tries it again.")
        if step[0] in (RELOAD, "restart", "reload"):
            (MARKS / step[-1]).unlink(missing_ok=True)
