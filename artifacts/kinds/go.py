"""Go programs, built from ``artifacts/go/<recipe>/go.mod``: its ``tool`` lines say what, its go.sum pins the source.

They are one workspace: a library has one version in it, the newest that any program asks for, and is compiled once.

Options of a recipe: ``module`` (whose version must be the catalogue's; ``module_version`` where Go calls it otherwise,
``staged`` for the version of the modules that it replaces by folders of its own repository), ``alone`` (outside of the workspace, with
libraries of its own), ``tags``, ``ldflags``, ``cgo``, ``rename`` (Go's name of a binary → ours), ``sources`` (our name → path inside the
module, copied beside the binaries), ``files`` (catalogue name → one binary, or archive member → binary or source), ``tools`` (binaries
that this machine runs), ``nosumdb`` (modules that the checksum database does not know; go.sum pins them all the same).
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artifacts import packing, process
from artifacts.recipes import Cookbook, Recipe, tree_fingerprint
from artifacts.store import REPOSITORY, ArtifactError, Store

if TYPE_CHECKING:
    from artifacts.kitchen import Kitchen

MODULES = REPOSITORY / "artifacts" / "go"
_REQUIREMENT = re.compile(r"^(?:require )?\s*(\S+) (v\d\S*)", re.MULTILINE)
# Compiler and linker live for seconds: they collect garbage only when they near a limit, which saves a seventh of the time.
COMPILER_MEMORY = {"GOGC": "off", "GOMEMLIMIT": "2GiB"}


def fingerprint(recipe: Recipe, book: Cookbook) -> Any:
    """The module files, the versions of its libraries, the toolchain, and the upstream paths that the results land at."""
    paths = {name: book.catalogue.file(name, book.arch).path for name in recipe.options.get("files", {})}
    module = tree_fingerprint(MODULES / recipe.name)
    return {"module": module, "libraries": _libraries(recipe, book), "toolchain": book.toolchain, "paths": paths}


def _libraries(recipe: Recipe, book: Cookbook) -> list[str]:
    """Of each library that the module needs, the versions that the workspace asks for: Go takes the newest."""
    if recipe.options.get("alone"):
        return []
    asked = {name: _REQUIREMENT.findall((MODULES / name / "go.mod").read_text()) for name in workspace(book)}
    own = {library for library, _ in asked[recipe.name]}
    return sorted({f"{library} {version}" for wanted in asked.values() for library, version in wanted if library in own})


def workspace(book: Cookbook) -> list[str]:
    """Names of the recipes that share their libraries."""
    return [recipe.name for recipe in book.recipes.values() if recipe.kind == "go" and not recipe.options.get("alone")]


def present(recipe: Recipe, book: Cookbook, store: Store) -> bool:
    """Whether the binaries and the files packed from them are in the store."""
    paths = [store.files / book.catalogue.file(name, book.arch).path for name in recipe.options.get("files", {})]
    paths += [store.tools / tool for tool in recipe.options.get("tools", [])]
    return (store.outputs / recipe.slug).is_dir() and all(path.exists() for path in paths)


def make(recipe: Recipe, book: Cookbook, kitchen: Kitchen) -> None:
    """Build all programs of the module at once and put them where the catalogue says."""
    options = recipe.options
    env = environment(recipe, book, kitchen)
    module = MODULES / recipe.name
    log = kitchen.log(recipe)
    _check_version(recipe, book, env)

    out = kitchen.scratch(recipe) / "out"
    words = placeholders(recipe, book)
    ldflags = " ".join(["-s", "-w", *options.get("ldflags", [])]).format(**words)
    # What debuggers read is not kept (-w), so it need not be made either: a seventh of the time.
    command = ["go", "build", "-o", f"{out}/", "-ldflags", ldflags, "-gcflags=all=-dwarf=false"]
    if tags := options.get("tags"):
        command += ["-tags", ",".join(tags)]
    process.run([*command, *programs(module, env)], log=log, env=env, cwd=module)

    for go_name, name in options.get("rename", {}).items():
        (out / go_name).rename(out / name)
    if sources := options.get("sources"):
        root = Path(process.output(["go", "-C", module, "list", "-m", "-f", "{{.Dir}}", options["module"]], env=env))
        for name, path in sources.items():
            _copy(root / path, out / name)

    for name, content in options.get("files", {}).items():
        if isinstance(content, str):
            kitchen.store.add_file(out / content, book.catalogue.file(name, book.arch).path)
        else:
            archive = packing.pack(out, content, kitchen.scratch(recipe) / name, words)
            kitchen.store.add_file(archive, book.catalogue.file(name, book.arch).path)
    for tool in options.get("tools", []):
        kitchen.install_tool(out / tool)
    kitchen.keep_output(recipe, out)


def programs(module: Path, env: Mapping[str, str]) -> list[str]:
    """The packages that a module's ``tool`` lines name. (Go's own word for them, ``tool``, means those of the whole workspace.)"""
    return [tool["Path"] for tool in module_file(module / "go.mod", env)["Tool"]]


def module_file(path: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """What a go.mod says, as ``go mod edit -json`` gives it."""
    return json.loads(process.output(["go", "mod", "edit", "-json", path], env=env))


def placeholders(recipe: Recipe, book: Cookbook) -> dict[str, str]:
    """What the ``{…}`` in a recipe's options stand for."""
    version = book.catalogue.version(recipe.name)
    major, minor, patch = (*version.split(".", 2), "", "")[:3]  # a date has no parts
    return {"version": version, "major": major, "minor": minor, "patch": patch, "arch": book.arch}


def environment(recipe: Recipe, book: Cookbook, kitchen: Kitchen) -> dict[str, str]:
    """Environment of a reproducible build: nothing of the user's Go settings but the proxy."""
    env = {
        **kitchen.go_environment,
        "CGO_ENABLED": "1" if recipe.options.get("cgo") else "0",
        "GOARCH": book.arch,
        "GOOS": "linux",
        "GOTOOLCHAIN": book.toolchain,
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false -modcacherw",
        "GOWORK": "off" if recipe.options.get("alone") else str(MODULES / "go.work"),
        "GOENV": "off",
        "GOTMPDIR": str(kitchen.scratch(recipe)),
        **COMPILER_MEMORY,
    }
    return env | unlisted(book)


def unlisted(book: Cookbook) -> dict[str, str]:
    """Go's setting of the workspace's modules that the checksum database does not know."""
    return {"GONOSUMDB": ",".join(module for recipe in book.recipes.values() for module in recipe.options.get("nosumdb", ()))}


def module_version(recipe: Recipe, book: Cookbook) -> str:
    """The version that the recipe's module must have, in Go's words."""
    return recipe.options.get("module_version", "v{version}").format(**placeholders(recipe, book))


def bump(recipe: Recipe, book: Cookbook, store: Store) -> list[str]:
    """Move go.mod and go.sum to the catalogue's version."""
    from artifacts import gomod  # it imports this module

    return gomod.bump(recipe, book, store)


def _check_version(recipe: Recipe, book: Cookbook, env: Mapping[str, str]) -> None:
    """The catalogue and the module files must name the same version."""
    module, expected = recipe.options["module"], module_version(recipe, book)
    found = process.output(["go", "-C", MODULES / recipe.name, "list", "-m", "-f", "{{.Version}}", module], env=env)
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
