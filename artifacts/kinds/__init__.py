"""Kinds of recipes. Each module makes one kind and offers the three functions of :class:`Kind`.

A new kind (npm, …) is one more module here and one name in ``kind_of``. A kind whose inputs are pinned by a committed file also offers
``bump(recipe, book, store)``, which writes that file and gives what it pinned.
"""

from __future__ import annotations

from typing import Any, Protocol

from artifacts.recipes import Cookbook, Recipe
from artifacts.store import ArtifactError, Store


class Kind(Protocol):
    """What a module of this package offers."""

    def fingerprint(self, recipe: Recipe, book: Cookbook) -> Any:
        """Everything besides the options that decides the result, as plain data."""

    def present(self, recipe: Recipe, book: Cookbook, store: Store) -> bool:
        """Whether the results are in the store."""

    def make(self, recipe: Recipe, book: Cookbook, kitchen: Any) -> None:
        """Make it: into the store, complete or not at all. Raises ArtifactError."""


def kind_of(recipe: Recipe) -> Kind:
    """The module for a recipe's kind. Raises ArtifactError for an unknown one."""
    from artifacts.kinds import base, go, image, maven, python

    kinds: dict[str, Any] = {"base": base, "go": go, "image": image, "maven": maven, "python": python}
    if recipe.kind not in kinds:
        raise ArtifactError(f"recipe {recipe.name}: kind {recipe.kind!r} is unknown; known: {', '.join(kinds)}")
    return kinds[recipe.kind]


def bump(book: Cookbook, store: Store, name: str) -> list[str]:
    """Pin the inputs of a build anew; gives what was pinned. Raises ArtifactError for a recipe that has nothing to pin."""
    able = {recipe.name: recipe for recipe in book.recipes.values() if hasattr(kind_of(recipe), "bump")}
    if name not in able:
        raise ArtifactError(f"{name!r} has no inputs to pin; known: {', '.join(sorted(able))}")
    return kind_of(able[name]).bump(able[name], book, store)
