"""The Molecule scenarios: what each needs, how the gate proves it, and which have changed since it was last green."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from artifacts.store import Store, write_atomically

PROJECT = Path(__file__).resolve().parents[1]
FOLDER = PROJECT / "molecule"
SHARED = "machine"  # one machine for roles that do not disturb each other
ALONE = {"certificate_renewal"}  # restart the API server, which others need
OWN_CONVERGE = ("maintenance", "restore", "site_secrets", "status")  # their tests look at what the whole run does not make
MOST = 5  # changed scenarios that one gate runs whole: some minutes
# Where roles take files from that are not theirs.
USED = [PROJECT / "templates", *(PROJECT / "plugins" / kind for kind in ("action", "filter", "lookup", "modules"))]
_guard = threading.Lock()


def names() -> list[str]:
    """Names of all scenarios."""
    return sorted(path.parent.name for path in FOLDER.glob("*/molecule.yml"))


def need_of(name: str) -> str:
    """``nothing``, the lab's ``cluster``, or all ``systems`` on it: a scenario shares the settings of those that need the same."""
    settings = FOLDER / name / "molecule.yml"
    return settings.readlink().stem if settings.is_symlink() else "nothing"


def together() -> list[str]:
    """Scenarios whose converge and tests the shared machine's scenario has."""
    return [Path(play["import_playbook"]).parent.name for play in yaml.safe_load((FOLDER / SHARED / "converge.yml").read_text())]


def machines() -> list[str]:
    """What the gate runs on machines of their own, the longest first."""
    return sorted((name for name in names() if need_of(name) == "nothing" and name not in together()), key=lambda name: name != SHARED)


def on_the_lab() -> list[str]:
    """Scenarios whose tests hold on a lab that ``site.yml`` has converged; those that disturb others come last."""
    found = [name for name in names() if need_of(name) != "nothing" and name not in OWN_CONVERGE]
    return sorted(found, key=lambda name: name in ALONE)


def files(name: str) -> list[Path]:
    """What a scenario is made of: its folder, the role of its name, and of templates/ and plugins/ each file whose name stands in these."""
    own = [path for folder in (FOLDER / name, PROJECT / "roles" / name) for path in _below(folder)]
    words = {word for path in own for word in re.findall(r"\w+", path.read_text(errors="replace"))}
    return sorted({*own, *(path for folder in USED for path in _below(folder) if path.stem in words)})


def digest(name: str) -> str:
    """SHA-256 over paths and contents of a scenario's files."""
    found = hashlib.sha256()
    for path in files(name):
        content = path.read_bytes()
        found.update(f"{path.relative_to(PROJECT)} {len(content)}\n".encode() + content)
    return found.hexdigest()


def record() -> dict[str, Any]:
    """What the store remembers: ``scenarios``, digest by name of what was green as a whole, and ``gate``, the last green one, if any."""
    path = _path()
    return json.loads(path.read_text()) if path.exists() else {"scenarios": {}}


def passed(name: str, what: str) -> None:
    """Remember that a scenario was green as a whole, with the digest that it had when it began."""
    _remember({name: what})


def gate_passed(gate: dict[str, Any], digests: dict[str, str]) -> None:
    """Remember a green gate. The first one takes the scenarios as they were when it began for what changes are measured against."""
    _remember({} if "gate" in record() else digests, gate)


def changed(candidates: Iterable[str]) -> list[str]:
    """Those whose files are not as when they last were green, or as at the first green gate."""
    known = record()["scenarios"]
    return [name for name in candidates if known.get(name) != digest(name)]


def _path() -> Path:
    return Store.default().root / "gate.json"


def _remember(digests: dict[str, str], gate: dict[str, Any] | None = None) -> None:
    """Add to the record, which an interruption leaves as it was or as it shall be."""
    with _guard:
        before = record()
        after = before | {"scenarios": before["scenarios"] | digests} | ({"gate": gate} if gate else {})
        write_atomically(_path(), json.dumps(after, indent=1, sort_keys=True) + "\n")


def _below(folder: Path) -> list[Path]:
    found = (Path(here, name) for here, _, names in os.walk(folder, followlinks=True) for name in names)
    return sorted(path for path in found if "__pycache__" not in path.parts)
