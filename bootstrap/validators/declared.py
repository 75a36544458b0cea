"""What this project says of its variables: the options of all roles, and the values that all sites share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2]
SHARED = PROJECT / "group_vars/all"
TYPES = {bool: "bool", int: "int", str: "str", list: "list", dict: "dict"}


def known() -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The options of all roles and the shared values, both by variable; a shared value that is no template is an option of its type."""
    shared = {name: value for path in sorted(SHARED.glob("*.yml")) for name, value in _plain(path).items()}
    options = {name: {"type": TYPES[type(value)]} for name, value in shared.items() if not (isinstance(value, str) and "{{" in value)}
    for path in PROJECT.glob("roles/*/meta/argument_specs.yml"):
        for entry in _plain(path)["argument_specs"].values():
            options |= entry.get("options") or {}
    return options, shared


def _plain(path: Path) -> dict[str, Any]:
    """A YAML file as it is, its templates unread."""
    return yaml.load(path.read_text(), yaml.CSafeLoader) or {}
