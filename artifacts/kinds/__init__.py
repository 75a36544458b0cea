"""Kinds of recipes. Each module makes one kind and offers the three functions of :class:`Kind`.

A new kind (Maven, PyPI, npm, …) is one more module here and one line in ``KINDS``.
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
    from artifacts.kinds import base, go, image

    kinds: dict[str, Any] = {"base": base, "go": go, "image": image}
    if recipe.kind not in kinds:
        raise ArtifactError(f"recipe {recipe.name}: kind {recipe.kind!r} is unknown; known: {', '.join(kinds)}")
    return kinds[recipe.kind]
