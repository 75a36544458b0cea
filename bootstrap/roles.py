"""Roles as data: their variables and the files that they write, without a task of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.utils.vars import load_extra_vars

ROLES = Path(__file__).resolve().parents[1] / "roles"


def role_variables(loader: DataLoader, role: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The variables that a task of a role sees, by Ansible's own precedence.

    Args:
        loader: reads the files.
        role: its name.
        variables: what the present task sees; a role's defaults yield to these, its variables do not.
    """
    folder = ROLES / role
    own = {"ansible_search_path": [str(folder)], "role_path": str(folder), "role_name": role}
    return {**_files(loader, folder / "defaults"), **variables, **_files(loader, folder / "vars"), **load_extra_vars(loader), **own}


def _files(loader: DataLoader, folder: Path) -> dict[str, Any]:
    paths = loader.find_vars_files(str(folder), "main")
    return {name: value for path in paths for name, value in (loader.load_from_file(str(path), trusted_as_template=True) or {}).items()}


def told_node_files(loader: DataLoader, role: str, option: str) -> Iterator[Any]:
    """What each task of a role gives to the module `node_files` as this option: a list or a template of one, as it is written."""
    for path in sorted((ROLES / role / "tasks").glob("*.yml")):
        for task in _tasks(loader.load_from_file(str(path), trusted_as_template=True)):
            if option in task.get("node_files", {}):
                yield task["node_files"][option]


def _tasks(entries: list[dict[str, Any]] | None) -> Iterator[dict[str, Any]]:
    for entry in entries or []:
        yield entry
        for part in ("block", "rescue", "always"):
            yield from _tasks(entry.get(part))
