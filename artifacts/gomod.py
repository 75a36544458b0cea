"""Moving a Go build to another version: its go.mod and go.sum, ready to commit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from artifacts import host, process
from artifacts.kinds import go
from artifacts.recipes import Cookbook, Recipe
from artifacts.store import Store


def bump(recipe: Recipe, book: Cookbook, store: Store) -> list[str]:
    """Bring the module files of a Go build to the catalogue's version; gives its programs with their versions.

    Raises ArtifactError where the module proxy does not serve the version.
    """
    folder = go.MODULES / recipe.name
    version = go.module_version(recipe, book)
    with store.exclusive():
        env = {
            **host.go_environment(store),
            "GOTOOLCHAIN": book.toolchain,
            "GOFLAGS": "-buildvcs=false -modcacherw",
            "GONOSUMDB": ",".join(recipe.options.get("nosumdb", ())),
        }
        try:
            if staged := recipe.options.get("staged"):
                _replace_staged(f"{recipe.options['module']}@{version}", folder, staged.format(**go.placeholders(recipe, book)), env)
            wanted = [f"{tool['Path']}@{version}" for tool in _module(folder / "go.mod", env)["Tool"]]
            process.run(["go", "get", "-tool", *wanted], log=store.logs / f"bump-{recipe.slug}.log", env=env, cwd=folder)
        finally:
            host.remove_tree(store.work)
    return wanted


def _replace_staged(module: str, folder: Path, version: str, env: Mapping[str, str]) -> None:
    """Point what the module keeps in its own repository (required as v0.0.0) at what is published."""
    upstream = json.loads(process.output(["go", "mod", "download", "-json", module], env=env))["GoMod"]
    staged = [need["Path"] for need in _module(Path(upstream), env)["Require"] if need["Version"] == "v0.0.0"]
    edits = [f"-replace={path}={path}@{version}" for path in staged]
    process.output(["go", "mod", "edit", *edits, folder / "go.mod"], env=env)


def _module(path: Path, env: Mapping[str, str]) -> dict[str, Any]:
    return json.loads(process.output(["go", "mod", "edit", "-json", path], env=env))
