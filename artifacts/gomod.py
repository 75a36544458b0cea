"""Moving a Go build to another version: its go.mod and go.sum, and the workspace's go.work.sum, ready to commit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

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
            "GOWORK": "off",
            **go.unlisted(book),
        }
        try:
            if staged := recipe.options.get("staged"):
                _replace_staged(f"{recipe.options['module']}@{version}", folder, staged.format(**go.placeholders(recipe, book)), env)
            wanted = [f"{program}@{version}" for program in go.programs(folder, env)]
            log = store.logs / f"bump-{recipe.slug}.log"
            process.run(["go", "get", "-tool", *wanted], log=log, env=env, cwd=folder)
            _sum_workspace(book, env, log)
        finally:
            host.remove_tree(store.work)
    return wanted


def _sum_workspace(book: Cookbook, env: Mapping[str, str], log: Path) -> None:
    """Write go.work.sum anew, which holds what no go.sum does: of libraries that another program raised."""
    (go.MODULES / "go.work.sum").unlink(missing_ok=True)
    process.output(["go", "work", "edit", f"-go={book.toolchain.removeprefix('go')}", go.MODULES / "go.work"], env=env)
    together = {**env, "GOWORK": str(go.MODULES / "go.work")}
    for name in go.workspace(book):
        options = book.recipes[name].options
        tags = ["-tags", ",".join(options.get("tags", ()))]
        alike = {**together, "CGO_ENABLED": "1" if options.get("cgo") else "0"}
        process.run(["go", "list", "-deps", *tags, *go.programs(go.MODULES / name, env)], log=log, env=alike, cwd=go.MODULES / name)


def _replace_staged(module: str, folder: Path, version: str, env: Mapping[str, str]) -> None:
    """Point what the module keeps in its own repository (required as v0.0.0) at what is published."""
    upstream = json.loads(process.output(["go", "mod", "download", "-json", module], env=env))["GoMod"]
    staged = [need["Path"] for need in go.module_file(Path(upstream), env)["Require"] if need["Version"] == "v0.0.0"]
    edits = [f"-replace={path}={path}@{version}" for path in staged]
    process.output(["go", "mod", "edit", *edits, folder / "go.mod"], env=env)
