"""Which module makes a recipe, by its kind, and the bump of its inputs."""

from __future__ import annotations

from typing import Any, Protocol

from artifacts.kinds import base, go, hub, image, maven, npm, python
from artifacts.recipes import Cookbook, Recipe
from artifacts.store import ArtifactError, Store
from artifacts.workspace import Workspace

KINDS: dict[str, Any] = {"base": base, "go": go, "hub": hub, "image": image, "maven": maven, "npm": npm, "python": python}


class Kind(Protocol):
    """What a module of ``artifacts.kinds`` offers."""

    def fingerprint(self, recipe: Recipe, book: Cookbook) -> Any:
        """Everything besides the options that decides the result, as plain data."""

    def present(self, recipe: Recipe, book: Cookbook, store: Store) -> bool:
        """Whether the results are in the store."""

    def make(self, recipe: Recipe, book: Cookbook, workspace: Workspace) -> None:
        """Make it: into the store, complete or not at all. Raises ArtifactError."""


def kind_of(recipe: Recipe) -> Kind:
    """The module for a recipe's kind. Raises ArtifactError for an unknown one."""
    if recipe.kind not in KINDS:
        raise ArtifactError(f"recipe {recipe.name}: kind {recipe.kind!r} is unknown; known: {', '.join(KINDS)}")
    return KINDS[recipe.kind]


def bump(book: Cookbook, store: Store, name: str) -> list[str]:
    """Pin the inputs of a build anew; gives what was pinned. Raises ArtifactError for a recipe that has nothing to pin."""
    able = {recipe.name: recipe for recipe in book.recipes.values() if hasattr(kind_of(recipe), "bump")}
    if name not in able:
        raise ArtifactError(f"{name!r} has no inputs to pin; known: {', '.join(sorted(able))}")
    return kind_of(able[name]).bump(able[name], book, store)
