"""No module imports itself by way of others: each can be read, tested and moved with nothing but what it stands on."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

PACKAGES = ("artifacts", "bootstrap", "lab", "tests")


def modules(root: Path, packages: Iterable[str]) -> dict[str, Path]:
    """Module name → file, of all that lies in these packages."""
    paths = (path for package in packages for path in (root / package).rglob("*.py"))
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def named(path: Path, module: str) -> Iterator[str]:
    """What the imports of a file name, those in functions and for types alone included; ``from a import b`` as ``a.b``."""
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            source = ".".join(filter(None, (above, node.module)))
            yield from (f"{source}.{alias.name}" for alias in node.names)


def graph(root: Path, packages: Iterable[str]) -> dict[str, set[str]]:
    """Module → the modules of these packages that are read before it: those it imports, and the packages that they lie in."""
    known = modules(root, packages)

    def read(name: str) -> set[str]:
        parents = [name.rsplit(".", level)[0] for level in range(name.count(".") + 1)]
        return {parent for parent in parents if parent in known}

    found = {}
    for module, path in known.items():
        folder = module.rpartition(".")[0]  # pytest reads what lies beside a test by its bare name
        names = [near if (near := f"{folder}.{name}").rsplit(".", name.count("."))[0] in known else name for name in named(path, module)]
        found[module] = set().union(read(folder), *map(read, names)) - {module}
    return found


def circle(root: Path, packages: Iterable[str]) -> list[str]:
    """The modules of a circle; nothing where there is none."""
    try:
        graphlib.TopologicalSorter(graph(root, packages)).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def test_no_import_goes_in_a_circle(project):
    assert circle(project, PACKAGES) == []


def test_what_is_imported_is_seen(project):
    found = graph(project, PACKAGES)
    assert {"lab.podman", "artifacts.store", "artifacts"} <= found["lab.cluster"]
    assert "tests.render.rendering" in found["tests.render.conftest"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("from own import second", "import own.first"),
        ("from own.second import x", "def f():\n    from own import first"),
        ("from . import second", "from .first import x"),
        ("import second", "import first"),  # as tests do
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from own.second import x", "from own.first import y"),
    ],
)
def test_a_circle_is_found(tmp_path, first, second):
    folder = tmp_path / "own"
    folder.mkdir()
    for name, text in {"__init__": "", "first": first, "second": second}.items():
        (folder / f"{name}.py").write_text(text)
    assert set(circle(tmp_path, ["own"])) == {"own.first", "own.second"}


def test_a_package_that_imports_its_own_module_is_a_circle(tmp_path):
    """Python reads the package before the module, so the module is read in the middle of its package."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own/__init__.py").write_text("from own.part import x")
    (tmp_path / "own/part.py").write_text("x = 1")
    assert set(circle(tmp_path, ["own"])) == {"own", "own.part"}
