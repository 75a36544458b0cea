"""Container images, built from ``images/<context>/Containerfile``.

Options: ``context`` (folder below ``images/``; else the image's own name), ``args`` (build arguments; VERSION is always
there), ``needs`` (builds whose output the Containerfile copies from by name, or images it stands on), ``trees`` (name → folder of
the repository that it copies from in the same way).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from artifacts import podman, process
from artifacts.catalogue import Image
from artifacts.recipes import Cookbook, Recipe, tree_fingerprint
from artifacts.store import REPOSITORY, ArtifactError, Store, make_readable
from artifacts.workspace import Workspace

IMAGES = REPOSITORY / "images"


def fingerprint(recipe: Recipe, book: Cookbook) -> Any:
    """The build context, the trees, and the name that the image gets."""
    wanted = entry(recipe, book)
    trees = {name: tree_fingerprint(REPOSITORY / folder) for name, folder in recipe.options.get("trees", {}).items()}
    found = {"context": tree_fingerprint(_context(recipe)), "reference": wanted.reference, "version": wanted.version}
    return found | ({"trees": trees} if trees else {})


def present(recipe: Recipe, book: Cookbook, store: Store) -> bool:
    return in_store(entry(recipe, book).reference, store)


def make(recipe: Recipe, book: Cookbook, workspace: Workspace) -> None:
    """Build and push; podman's own copy is removed."""
    wanted = entry(recipe, book)
    contexts = {need: workspace.store.outputs / need for need in recipe.needs if not need.startswith("image/")}
    for name, folder in recipe.options.get("trees", {}).items():
        without = shutil.ignore_patterns("__pycache__")
        contexts[name] = shutil.copytree(REPOSITORY / folder, workspace.scratch(recipe) / name, ignore=without)
        make_readable(contexts[name])
    arguments = {"VERSION": wanted.version, **recipe.options.get("args", {})}
    local = local_name(recipe)
    podman.build(
        _context(recipe),
        local,
        env=workspace.podman_environment,
        log=workspace.log(recipe),
        arguments=arguments,
        contexts=contexts,
    )
    publish(local, wanted.reference, recipe, workspace)


def publish(local: str, reference: str, recipe: Recipe, workspace: Workspace) -> None:
    """Push a local image under its upstream name, record its digest, remove the local one."""
    target = f"docker://{workspace.registry.location(reference)}"
    # Nodes unpack zstd several times as fast as gzip, and a lab's nodes share two cores.
    process.run(
        ["podman", "push", "--tls-verify=false", "--compression-format=zstd", local, target],
        log=workspace.log(recipe),
        env=workspace.podman_environment,
    )
    digest = workspace.registry.digest(reference)
    if not digest:
        raise ArtifactError(f"{reference} was pushed but the registry does not have it")
    workspace.store.record(images={reference: digest})
    process.run(["podman", "rmi", "--force", local], log=workspace.log(recipe), env=workspace.podman_environment)


def in_store(reference: str, store: Store) -> bool:
    """Whether the store's registry holds the digest that its lock file names for this image."""
    digest = store.lock()["images"].get(reference, "")
    blob = digest.removeprefix("sha256:")
    return bool(blob) and (store.registry / f"docker/registry/v2/blobs/sha256/{blob[:2]}/{blob}/data").exists()


def local_name(recipe: Recipe) -> str:
    """Name of the image in podman's storage while it is made."""
    return f"localhost/voicehelper-build/{recipe.slug}:latest"


def entry(recipe: Recipe, book: Cookbook) -> Image:
    """The catalogue's entry for an image recipe."""
    return book.catalogue.image(recipe.name.removeprefix("image/"))


def _context(recipe: Recipe) -> Path:
    return IMAGES / recipe.options.get("context", recipe.name.removeprefix("image/"))
