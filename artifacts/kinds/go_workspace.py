"""The Go workspace: the modules of ``artifacts/go``, which share their libraries, and what each of them says of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artifacts import process
from artifacts.recipes import Cookbook, Recipe
from artifacts.store import REPOSITORY

MODULES = REPOSITORY / "artifacts" / "go"
_REQUIREMENT = re.compile(r"^(?:require )?\s*(\S+) (v\d\S*)", re.MULTILINE)


@dataclass(frozen=True)
class GoWorkspace:
    """The Go recipes of a book, and the folders of their module files."""

    book: Cookbook

    @property
    def file(self) -> Path:
        """go.work, which names the modules that share their libraries."""
        return MODULES / "go.work"

    @property
    def members(self) -> list[str]:
        """Names of the recipes that share their libraries."""
        return [recipe.name for recipe in self.book.recipes.values() if recipe.kind == "go" and not recipe.options.get("alone")]

    @property
    def unlisted(self) -> dict[str, str]:
        """Go's setting of the modules that the checksum database does not know."""
        modules = (module for recipe in self.book.recipes.values() for module in recipe.options.get("nosumdb", ()))
        return {"GONOSUMDB": ",".join(modules)}

    def module(self, name: str) -> Path:
        """The folder of a recipe's go.mod and go.sum: its own program's, where it has one."""
        source = self.book.recipes[name].options.get("source")
        return REPOSITORY / source if source else MODULES / name

    def libraries(self, recipe: Recipe) -> list[str]:
        """Of each library that the module needs, the versions that the workspace asks for: Go takes the newest."""
        if recipe.options.get("alone"):
            return []
        asked = {name: _REQUIREMENT.findall((self.module(name) / "go.mod").read_text()) for name in self.members}
        own = {library for library, _ in asked[recipe.name]}
        return sorted({f"{library} {version}" for wanted in asked.values() for library, version in wanted if library in own})

    def placeholders(self, recipe: Recipe) -> dict[str, str]:
        """What the ``{…}`` in a recipe's options stand for."""
        version = self.book.catalogue.version(recipe.options.get("component", recipe.name))
        major, minor, patch = (*version.split(".", 2), "", "")[:3]  # a date has no parts
        return {"version": version, "major": major, "minor": minor, "patch": patch, "arch": self.book.arch}

    def version(self, recipe: Recipe) -> str:
        """The version that the recipe's module must have, in Go's words."""
        return recipe.options.get("module_version", "v{version}").format(**self.placeholders(recipe))


def programs(module: Path, env: Mapping[str, str]) -> list[str]:
    """The packages that a module's ``tool`` lines name. (Go's own word for them, ``tool``, means those of the whole workspace.)"""
    return [tool["Path"] for tool in module_file(module / "go.mod", env)["Tool"]]


def module_file(path: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """What a go.mod says, as ``go mod edit -json`` gives it."""
    return json.loads(process.output(["go", "mod", "edit", "-json", path], env=env))
