"""Moving a Go build to another version: its go.mod and go.sum, and the workspace's go.work.sum, ready to commit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from artifacts import host, process
from artifacts.kinds.go_workspace import GoWorkspace, module_file, programs
from artifacts.recipes import Cookbook, Recipe
from artifacts.store import Store


def bump(recipe: Recipe, book: Cookbook, store: Store) -> list[str]:
    """Bring the module files of a Go build to the catalogue's version; gives its programs with their versions.

    Raises ArtifactError where the module proxy does not serve the version.
    """
    go_workspace = GoWorkspace(book)
    folder, version = go_workspace.module(recipe.name), go_workspace.version(recipe)
    with store.exclusive():
        env = {
            **host.go_environment(store),
            "GOTOOLCHAIN": book.toolchain,
            "GOFLAGS": "-buildvcs=false -modcacherw",
            "GOWORK": "off",
            **go_workspace.unlisted,
        }
        try:
            if staged := recipe.options.get("staged"):
                published = staged.format(**go_workspace.placeholders(recipe))
                _replace_staged(f"{recipe.options['module']}@{version}", folder, published, env)
            wanted = [f"{program}@{version}" for program in programs(folder, env)]
            log = store.logs / f"bump-{recipe.slug}.log"
            process.run(["go", "get", "-tool", *wanted], log=log, env=env, cwd=folder)
            _sum(go_workspace, env, log)
        finally:
            host.clear_work(store)
    return wanted


def _sum(go_workspace: GoWorkspace, env: Mapping[str, str], log: Path) -> None:
    """Write go.work.sum anew, which holds what no go.sum does: of libraries that another program raised."""
    go_workspace.file.with_name("go.work.sum").unlink(missing_ok=True)
    book = go_workspace.book
    process.output(["go", "work", "edit", f"-go={book.toolchain.removeprefix('go')}", go_workspace.file], env=env)
    for name in go_workspace.members:
        module, options = go_workspace.module(name), book.recipes[name].options
        tags = ["-tags", ",".join(options.get("tags", ()))]
        together = {**env, "GOWORK": str(go_workspace.file), "CGO_ENABLED": "1" if options.get("cgo") else "0"}
        process.run(["go", "list", "-deps", *tags, *programs(module, together)], log=log, env=together, cwd=module)


def _replace_staged(module: str, folder: Path, version: str, env: Mapping[str, str]) -> None:
    """Point what the module keeps in its own repository (required as v0.0.0) at what is published."""
    upstream = json.loads(process.output(["go", "mod", "download", "-json", module], env=env))["GoMod"]
    staged = [need["Path"] for need in module_file(Path(upstream), env)["Require"] if need["Version"] == "v0.0.0"]
    edits = [f"-replace={path}={path}@{version}" for path in staged]
    process.output(["go", "mod", "edit", *edits, folder / "go.mod"], env=env)
