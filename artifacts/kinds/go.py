"""Go programs, built from ``artifacts/go/<recipe>/go.mod``: its ``tool`` lines say what, its go.sum pins the source.

They are one workspace: a library has one version in it, the newest that any program asks for, and is compiled once.

A program of this project is built from its own folder instead (``source``, with ``alone``), into a binary of its module's last name.

Options of a recipe: ``module`` (whose version must be the catalogue's; ``module_version`` where Go calls it otherwise,
``staged`` for the version of the modules that it replaces by folders of its own repository), ``alone`` (outside of the workspace, with
libraries of its own), ``tags``, ``ldflags``, ``cgo``, ``rename`` (Go's name of a binary → ours), ``sources`` (our name → path inside the
module, copied beside the binaries), ``files`` (catalogue name → one binary, or archive member → binary or source), ``tools`` (binaries
that this machine runs), ``nosumdb`` (modules that the checksum database does not know; go.sum pins them all the same).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from artifacts import packing, process
from artifacts.kinds.go_workspace import GoWorkspace, programs
from artifacts.kinds.gomod import bump as bump  # one of the functions of a kind
from artifacts.recipes import Cookbook, Recipe, tree_fingerprint
from artifacts.store import ArtifactError, Store
from artifacts.workspace import Workspace

# Compiler and linker live for seconds: they collect garbage only when they near a limit, which saves a seventh of the time.
COMPILER_MEMORY = {"GOGC": "off", "GOMEMLIMIT": "2GiB"}


def fingerprint(recipe: Recipe, book: Cookbook) -> Any:
    """The module files, the versions of its libraries, the toolchain, and the upstream paths that the results land at."""
    paths = {name: book.catalogue.file(name, book.arch).path for name in recipe.options.get("files", {})}
    go_workspace = GoWorkspace(book)
    module = tree_fingerprint(go_workspace.module(recipe.name))
    return {"module": module, "libraries": go_workspace.libraries(recipe), "toolchain": book.toolchain, "paths": paths}


def present(recipe: Recipe, book: Cookbook, store: Store) -> bool:
    """Whether the binaries and the files packed from them are in the store."""
    paths = [store.files / book.catalogue.file(name, book.arch).path for name in recipe.options.get("files", {})]
    paths += [store.tools / tool for tool in recipe.options.get("tools", [])]
    return (store.outputs / recipe.slug).is_dir() and all(path.exists() for path in paths)


def make(recipe: Recipe, book: Cookbook, workspace: Workspace) -> None:
    """Build all programs of the module at once and put them where the catalogue says."""
    options = recipe.options
    env = environment(recipe, book, workspace)
    go_workspace = GoWorkspace(book)
    module = go_workspace.module(recipe.name)
    log = workspace.log(recipe)
    own = "source" in options
    if not own:
        _check_version(recipe, go_workspace, env)

    out = workspace.scratch(recipe) / "out"
    words = go_workspace.placeholders(recipe)
    ldflags = " ".join(["-s", "-w", *options.get("ldflags", [])]).format(**words)
    # What debuggers read is not kept (-w), so it need not be made either: a seventh of the time.
    command = ["go", "build", "-o", f"{out}/", "-ldflags", ldflags, "-gcflags=all=-dwarf=false"]
    if tags := options.get("tags"):
        command += ["-tags", ",".join(tags)]
    process.run([*command, *(["."] if own else programs(module, env))], log=log, env=env, cwd=module)

    for go_name, name in options.get("rename", {}).items():
        (out / go_name).rename(out / name)
    if sources := options.get("sources"):
        root = Path(process.output(["go", "-C", module, "list", "-m", "-f", "{{.Dir}}", options["module"]], env=env))
        for name, path in sources.items():
            _copy(root / path, out / name)

    for name, content in options.get("files", {}).items():
        if isinstance(content, str):
            workspace.store.add_file(out / content, book.catalogue.file(name, book.arch).path)
        else:
            archive = packing.pack(out, content, workspace.scratch(recipe) / name, words)
            workspace.store.add_file(archive, book.catalogue.file(name, book.arch).path)
    for tool in options.get("tools", []):
        workspace.install_tool(out / tool)
    workspace.keep_output(recipe, out)


def environment(recipe: Recipe, book: Cookbook, workspace: Workspace) -> dict[str, str]:
    """Environment of a reproducible build: nothing of the user's Go settings but the proxy."""
    go_workspace = GoWorkspace(book)
    return {
        **workspace.go_environment,
        "CGO_ENABLED": "1" if recipe.options.get("cgo") else "0",
        "GOARCH": book.arch,
        "GOOS": "linux",
        "GOTOOLCHAIN": book.toolchain,
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false -modcacherw",
        "GOWORK": "off" if recipe.options.get("alone") else str(go_workspace.file),
        "GOENV": "off",
        "GOTMPDIR": str(workspace.scratch(recipe)),
        **COMPILER_MEMORY,
        **go_workspace.unlisted,
    }


def _check_version(recipe: Recipe, go_workspace: GoWorkspace, env: Mapping[str, str]) -> None:
    """The catalogue and the module files must name the same version."""
    module, expected = recipe.options["module"], go_workspace.version(recipe)
    found = process.output(["go", "-C", go_workspace.module(recipe.name), "list", "-m", "-f", "{{.Version}}", module], env=env)
    if found != expected:
        raise ArtifactError(
            f"{recipe.name}: the catalogue wants {module} {expected}, artifacts/go has {found}; run: artifacts bump {recipe.name}"
        )


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)
