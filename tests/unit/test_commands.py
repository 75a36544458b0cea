"""Every external command line of the roles and plugins is in tests/commands.yml, beside what runs it for real."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
RUN = yaml.safe_load((PROJECT / "tests/commands.yml").read_text())
PROGRAMS = {command.split()[0] for command in RUN}
SOURCES = ("plugins", "roles", "bootstrap", "programs", "templates")
STARTS = re.compile(r"(^|\.)(subprocess\.(run|Popen|check_output)|run_command)$")
TASKS = {"swapoff"}  # a task's command line, not Python's
WRAPPERS = {  # run what others hand them
    "bootstrap/checks/base.py",
    "plugins/module_utils/node/node_steps.py",
    "plugins/module_utils/node/probe/hardware.py",
    "bootstrap/kube/run_lock.py",
    "bootstrap/kube/toolbox.py",
    "plugins/modules/node_files.py",
}


def files() -> list[str]:
    """The Python of what runs on nodes, in pods and on the controller, templates of it included."""
    listed = subprocess.run(["git", "ls-files", *SOURCES], cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split()
    return [path for path in listed if path.endswith((".py", ".py.j2"))]


def word(node: ast.expr) -> str:
    """A fixed word of a command line; "" for what is computed."""
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
    return Path(text).name if text.startswith("/") else text


def program(node: ast.expr) -> str:
    """The first word, which may stand in a variable that is named after the program."""
    node = node.value if isinstance(node, ast.Starred) else node
    return node.id.lower() if isinstance(node, ast.Name) else word(node)


def commands(tree: ast.Module) -> Iterator[str]:
    """Program and fixed words of each command line: a list, or the words of a call, that begins with a known program."""
    for node in ast.walk(tree):
        words = node.elts if isinstance(node, ast.List) else node.args if isinstance(node, ast.Call) else []
        if words and program(words[0]) in PROGRAMS:
            fixed = itertools.takewhile(re.compile(r"[a-z][A-Za-z0-9_-]*").fullmatch, map(word, words[1:]))
            yield " ".join([program(words[0]), *fixed])


def tree_of(path: str) -> ast.Module:
    """The syntax of a file; what Jinja puts into it is a number."""
    text = (PROJECT / path).read_text()
    return ast.parse(re.sub(r"\{\{.*?\}\}", "0", text) if path.endswith(".j2") else text)


def test_every_command_line_is_run_somewhere():
    found = {path: set(commands(tree_of(path))) for path in files()}
    assert {(path, line) for path, lines in found.items() for line in lines - set(RUN)} == set()
    assert set(RUN) - set().union(*found.values()) - TASKS == set(), "nothing runs these any more"
    assert {where for where in RUN.values() if not (PROJECT / where).exists()} == set()


@pytest.mark.parametrize("path", files())
def test_a_program_that_starts_another_is_looked_at(path):
    starts = any(isinstance(node, ast.Call) and STARTS.search(ast.unparse(node.func)) for node in ast.walk(tree_of(path)))
    assert not starts or path in WRAPPERS or set(commands(tree_of(path)))
