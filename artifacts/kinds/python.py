"""Python packages, by ``artifacts/python/<recipe>/requirements.in``; ``requirements.txt`` beside it pins every file.

``overrides.txt``, where there is one, takes out what a package asks for and its user does not need (as uv has it).
The output is a folder for PYTHONPATH, for the version of Python that the option ``python`` names and this machine's architecture.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from artifacts import process
from artifacts.recipes import Cookbook, Recipe, tree_fingerprint
from artifacts.store import REPOSITORY, Store
from artifacts.workspace import Workspace

LISTS = REPOSITORY / "artifacts" / "python"
UV = Path(sys.executable).parent / "uv"
PLATFORMS = {"amd64": "x86_64-manylinux_2_36", "arm64": "aarch64-manylinux_2_36"}


def fingerprint(recipe: Recipe, book: Cookbook) -> Any:
    """The list of packages."""
    return tree_fingerprint(LISTS / recipe.name)


def present(recipe: Recipe, book: Cookbook, store: Store) -> bool:
    return (store.outputs / recipe.slug).is_dir()


def make(recipe: Recipe, book: Cookbook, workspace: Workspace) -> None:
    """Install the pinned wheels into a folder; nothing is compiled and nothing of a package runs."""
    out = workspace.scratch(recipe) / "out"
    command = [UV, "pip", "install", "--quiet", "--no-cache", "--require-hashes", "--only-binary", ":all:", *_target(recipe, book)]
    command += [*_overrides(LISTS / recipe.name), "--target", out, "--requirement", LISTS / recipe.name / "requirements.txt"]
    process.run(command, log=workspace.log(recipe))
    workspace.keep_output(recipe, out)


def bump(recipe: Recipe, book: Cookbook, store: Store) -> list[str]:
    """Pin the newest versions that ``requirements.in`` allows; gives them."""
    folder, log = LISTS / recipe.name, store.logs / f"bump-{recipe.slug}.log"
    command = [UV, "pip", "compile", "--quiet", "--upgrade", "--generate-hashes", "--no-header", "--no-annotate", *_target(recipe, book)]
    process.run([*command, *_overrides(folder), "--output-file", "requirements.txt", "requirements.in"], log=log, cwd=folder)
    return [line.split()[0] for line in (folder / "requirements.txt").read_text().splitlines() if "==" in line]


def _overrides(folder: Path) -> list[str | Path]:
    file = folder / "overrides.txt"
    return ["--overrides", file] if file.exists() else []


def _target(recipe: Recipe, book: Cookbook) -> list[str]:
    return ["--python-version", recipe.options["python"], "--python-platform", PLATFORMS[book.arch]]
