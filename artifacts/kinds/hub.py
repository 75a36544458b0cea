"""Models of a hub, by ``artifacts/models/<recipe>.yml``, which names repository, revision and the SHA-256 of each file.

The output is the folder of the model.
"""

from __future__ import annotations

from typing import Any

import yaml

from artifacts import upstream
from artifacts.recipes import Cookbook, Recipe
from artifacts.store import REPOSITORY, ArtifactError, Store
from artifacts.workspace import Workspace

MODELS = REPOSITORY / "artifacts" / "models"


def fingerprint(recipe: Recipe, book: Cookbook) -> Any:
    """What is fetched."""
    return _wanted(recipe)


def present(recipe: Recipe, book: Cookbook, store: Store) -> bool:
    return (store.outputs / recipe.slug).is_dir()


def make(recipe: Recipe, book: Cookbook, workspace: Workspace) -> None:
    """Fetch each file and compare it. Raises ArtifactError for one that cannot be had or differs."""
    wanted, out = _wanted(recipe), workspace.scratch(recipe) / "out"
    with upstream.client() as http:
        for path, sha256 in wanted["files"].items():
            url = f"https://{wanted['host']}/{wanted['repository']}/resolve/{wanted['revision']}/{path}"
            if (found := upstream.download(http, url, out / path)) != sha256:
                raise ArtifactError(f"{url} has SHA-256 {found}, {recipe.name}.yml says {sha256}; nothing was stored")
    workspace.keep_output(recipe, out)


def _wanted(recipe: Recipe) -> dict[str, Any]:
    return yaml.safe_load((MODELS / f"{recipe.name}.yml").read_text())
