"""What this project says of its variables: the options of all roles, and the values that all sites share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2]
SHARED = PROJECT / "group_vars/all"
ALIKE = PROJECT / "roles/component/meta/system.yml"
TYPES = {bool: "bool", int: "int", str: "str", list: "list", dict: "dict"}


def known() -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The options of all roles and the shared values, both by variable; a shared value that is no template is an option of its type."""
    shared = {name: value for path in sorted(SHARED.glob("*.yml")) for name, value in _plain(path).items()}
    options = {name: {"type": TYPES[type(value)]} for name, value in shared.items() if not (isinstance(value, str) and "{{" in value)}
    for path in PROJECT.glob("roles/*/meta/argument_specs.yml"):
        for entry in entry_points(path.parents[1]).values():
            options |= entry.get("options") or {}
    return options, shared


def entry_points(role: Path) -> dict[str, dict[str, Any]]:
    """What a role's argument_specs say, with the options in `main` that its defaults have in common with other systems.

    Args:
        role: its folder.
    """
    entries = _plain(role / "meta/argument_specs.yml")["argument_specs"]
    defaults = role / "defaults/main.yml"
    if "main" in entries and defaults.exists():
        own, there = entries["main"].get("options") or {}, _plain(defaults)
        alike = yaml.load(ALIKE.read_text().replace("<role>", role.name), yaml.CSafeLoader)
        alike = {f"{role.name}_{name}": option for name, option in alike.items()}
        entries["main"]["options"] = {name: option for name, option in alike.items() if name in there and name not in own} | own
    return entries


def _plain(path: Path) -> dict[str, Any]:
    """A YAML file as it is, its templates unread."""
    return yaml.load(path.read_text(), yaml.CSafeLoader) or {}
