"""Freshness: the key that says when a recipe must be made anew, and whether the store holds what it makes."""

from __future__ import annotations

import hashlib
import json

from artifacts.makers import kind_of
from artifacts.recipes import Cookbook, Recipe
from artifacts.store import Store

ADVISORY = ("seconds", "staged")  # options that the result does not depend on


class Freshness:
    """Keys of a book's recipes; each is computed once, so the inputs must not change meanwhile."""

    def __init__(self, book: Cookbook) -> None:
        self.book = book
        self._keys: dict[str, str] = {}

    def key(self, name: str) -> str:
        """Content key of a recipe: changes with its options, input files, version, and the keys of its needs."""
        if name not in self._keys:
            recipe = self.book.recipes[name]
            content = {
                "options": {k: v for k, v in recipe.options.items() if k not in ADVISORY},
                "arch": self.book.arch,
                "kind": kind_of(recipe).fingerprint(recipe, self.book),
                "needs": [self.key(need) for need in recipe.needs],
            }
            self._keys[name] = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return self._keys[name]

    def done(self, recipe: Recipe, store: Store) -> bool:
        """Whether the store holds what this recipe makes, from these very inputs."""
        stamp = store.stamp(recipe.slug)
        if not stamp.exists() or stamp.read_text().splitlines()[:1] != [self.key(recipe.name)]:
            return False
        return kind_of(recipe).present(recipe, self.book, store)
