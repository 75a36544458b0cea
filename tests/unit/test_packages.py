"""Where Python lies: every import finds what is installed, and what goes to nodes needs nothing that is not there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
FILES = subprocess.run(["git", "ls-files", "*.py"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split()
EXTENDED = re.compile(r"sys\.path\b(?!_)|__path__(\.|\[| *\+?=)")  # one that is read stays as it is
ON_NODES = [path for path in FILES if path.startswith(("plugins/modules/", "plugins/module_utils/"))]


def imported(path: str) -> set[str]:
    """The modules that a file imports, by their full names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((PROJECT / path).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found


def test_no_code_extends_an_import_path():
    this = Path(__file__).relative_to(PROJECT).as_posix()
    assert [path for path in FILES if path != this and EXTENDED.search((PROJECT / path).read_text())] == []


@pytest.mark.parametrize("path", ON_NODES)
def test_what_goes_to_nodes_needs_python_and_what_ansible_brings(path):
    there = sys.stdlib_module_names | {"__future__"}
    assert [name for name in imported(path) if name.split(".")[0] not in there and not name.startswith("ansible.module_utils.")] == []


def test_every_package_of_the_controller_is_installed():
    packages = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    there = {Path(path).parent.as_posix().replace("/", ".") for path in FILES if path.startswith("bootstrap/")}
    assert {name for name in packages if name.startswith("bootstrap")} == there
