"""The Debian base image, made from Debian's own archive. Options: ``suite``, ``include``."""

from __future__ import annotations

from typing import Any

from artifacts import process
from artifacts.kinds import image
from artifacts.recipes import Cookbook, Recipe
from artifacts.store import Store
from artifacts.workspace import Workspace

# What Debian's slim images leave out as well.
SLIM = [
    *(f"path-exclude=/usr/share/{folder}/*" for folder in ("doc", "info", "locale", "man", "groff", "lintian")),
    "path-include=/usr/share/doc/*/copyright",
    "path-include=/usr/share/locale/locale.alias",
]


def fingerprint(recipe: Recipe, book: Cookbook) -> Any:
    return {"reference": image.entry(recipe, book).reference, "slim": SLIM}


def present(recipe: Recipe, book: Cookbook, store: Store) -> bool:
    return image.in_store(image.entry(recipe, book).reference, store)


def make(recipe: Recipe, book: Cookbook, workspace: Workspace) -> None:
    """Bootstrap Debian into a tar, import it, push it."""
    archive = workspace.scratch(recipe) / "root.tar"
    command = ["mmdebstrap", "--variant=minbase", f"--architectures={book.arch}"]
    command += [f"--dpkgopt={line}" for line in SLIM]
    command += [f"--include={','.join(recipe.options['include'])}", recipe.options["suite"], archive]
    process.run(command, log=workspace.log(recipe))
    local = image.local_name(recipe)
    process.run(
        ["podman", "import", "--change=CMD=bash", archive, local],
        log=workspace.log(recipe),
        env=workspace.podman_environment,
    )
    image.publish(local, image.entry(recipe, book).reference, recipe, workspace)
