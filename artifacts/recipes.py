"""Recipes: how each artifact is made from package registries, and which are needed for what."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from artifacts.catalogue import Catalogue
from artifacts.store import REPOSITORY, ArtifactError, sha256_of

PATH = Path(__file__).parent / "recipes.yml"


@dataclass(frozen=True)
class Recipe:
    """One thing to make.

    ``name`` is ``<component>`` for a build and ``image/<catalogue name>`` for an image; ``kind`` names the module
    below ``artifacts.kinds`` that makes it; ``seconds`` is what it took on two cores beside two others.
    """

    name: str
    kind: str
    seconds: int
    needs: tuple[str, ...]
    options: Mapping[str, Any] = field(hash=False)

    @property
    def slug(self) -> str:
        """The name as one path element."""
        return self.name.replace("/", "-")


@dataclass(frozen=True)
class Cookbook:
    """All recipes of ``recipes.yml`` with the catalogue that they fill, for one architecture."""

    recipes: Mapping[str, Recipe]
    sets: Mapping[str, list[str]]
    toolchain: str
    catalogue: Catalogue
    arch: str

    @classmethod
    def load(cls, catalogue: Catalogue, arch: str, path: Path = PATH) -> Cookbook:
        """Read the recipes. Raises ArtifactError where one needs another that is not there."""
        data = yaml.safe_load(path.read_text())
        recipes = [_recipe(name, options) for name, options in data["builds"].items()]
        recipes += [_recipe(f"image/{name}", {"kind": "image", **(options or {})}) for name, options in data["images"].items()]
        table = {recipe.name: recipe for recipe in recipes}
        for recipe in recipes:
            if missing := [need for need in recipe.needs if need not in table]:
                raise ArtifactError(f"recipe {recipe.name} needs {', '.join(missing)}, which recipes.yml does not have")
        return cls(table, data["sets"], data["toolchain"], catalogue, arch)

    def select(self, names: Iterable[str] = ()) -> list[Recipe]:
        """The named recipes and all that they need, in an order in which they can be made.

        A name is a recipe, a set, or a component (its build and its image). Without names: everything.
        """
        wanted: list[str] = []
        for name in names or self.recipes:
            found = self.sets.get(name) or [n for n in (name, f"image/{name}") if n in self.recipes]
            if not found:
                known = sorted({n.removeprefix("image/") for n in self.recipes} | set(self.sets))
                raise ArtifactError(f"no recipe or set is called {name!r}; known: {', '.join(known)}")
            wanted += self._flatten(found)
        return self._ordered(wanted)

    def site(self, systems: Collection[str]) -> list[Recipe]:
        """The recipes of all that a site with these systems takes, in an order in which they can be made.

        Raises ArtifactError for a system that has no image.
        """
        images = {f"image/{image.name}" for image in self.catalogue.images(systems)}
        return self._ordered(recipe.name for recipe in self.recipes.values() if recipe.name in images or recipe.options.get("files"))

    def from_upstream(self, recipe: Recipe) -> bool:
        """Whether it takes something that only upstream has."""
        return recipe.options.get("upstream", False) or any(self.from_upstream(self.recipes[need]) for need in recipe.needs)

    def _ordered(self, names: Iterable[str]) -> list[Recipe]:
        ordered: dict[str, Recipe] = {}
        for name in names:
            self._add(name, ordered, ())
        return list(ordered.values())

    def _flatten(self, names: Iterable[str]) -> list[str]:
        return [inner for name in names for inner in (self._flatten(self.sets[name]) if name in self.sets else [name])]

    def _add(self, name: str, ordered: dict[str, Recipe], path: tuple[str, ...]) -> None:
        if name in path:
            raise ArtifactError(f"recipes need each other in a circle: {' → '.join((*path, name))}")
        for need in self.recipes[name].needs:
            self._add(need, ordered, (*path, name))
        ordered.setdefault(name, self.recipes[name])

    def published(self, recipe: Recipe) -> bool:
        """Whether all that this recipe is for can be fetched from upstream instead: the catalogue pins it."""
        if recipe.name.startswith("image/"):
            return bool(self.catalogue.image(recipe.name.removeprefix("image/")).digest)
        users = [other for other in self.recipes.values() if recipe.name in other.needs]
        pinned = all(self.catalogue.file(name, self.arch).sha256 for name in recipe.options.get("files", {}))
        return pinned and not recipe.options.get("tools") and all(self.published(user) for user in users)


def upstream_only(path: Path = PATH) -> list[str]:
    """Names of the catalogue's images that package registries cannot make."""
    data = yaml.safe_load(path.read_text())
    fetched = {name for name, options in data["builds"].items() if options.get("upstream")}
    return data["upstream_only"] + [name for name, options in data["images"].items() if fetched & set(options.get("needs", ()))]


def _recipe(name: str, options: Mapping[str, Any]) -> Recipe:
    return Recipe(name, options["kind"], options.get("seconds", 20), tuple(options.get("needs", ())), options)


def tree_fingerprint(folder: Path, *, without: Collection[str] = ()) -> dict[str, str]:
    """Relative path → SHA-256 (and the executable bit) of every file under ``folder``, but for what Python keeps beside its sources.

    ``without``: names of further files and folders that are left out.
    """
    if not folder.is_dir():
        raise ArtifactError(f"{folder.relative_to(REPOSITORY)} is missing")
    left_out = {"__pycache__", *without}
    files = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in left_out]  # one of packages has tens of thousands of files
        files += [Path(place, name) for name in names if name not in left_out]
    return {str(path.relative_to(folder)): f"{sha256_of(path)} {path.stat().st_mode & 0o100}" for path in sorted(files)}
