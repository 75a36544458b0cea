"""Java programs from Maven Central, by ``artifacts/maven/<recipe>/pom.xml``; ``sha256sums`` beside it pins every file.

The output has ``lib/`` with all jars of the run-time class path. A dependency of type zip is unpacked to a folder of its artifact's
name, without the folder that holds everything inside the zip.
"""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
from pathlib import Path
from typing import Any

from artifacts import host, process
from artifacts.recipes import Cookbook, Recipe, tree_fingerprint
from artifacts.store import REPOSITORY, ArtifactError, Store, sha256_of
from artifacts.workspace import Workspace

PROJECTS = REPOSITORY / "artifacts" / "maven"
SUMS = "sha256sums"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def fingerprint(recipe: Recipe, book: Cookbook) -> Any:
    """The project file and its checksums."""
    return tree_fingerprint(PROJECTS / recipe.name)


def present(recipe: Recipe, book: Cookbook, store: Store) -> bool:
    return (store.outputs / recipe.slug).is_dir()


def make(recipe: Recipe, book: Cookbook, workspace: Workspace) -> None:
    """Fetch, compare with the pinned checksums, unpack. Raises ArtifactError for any file that differs, lacks or is too many."""
    project, out = PROJECTS / recipe.name, workspace.scratch(recipe) / "out"
    _fetch(project, out / "lib", workspace.scratch(recipe) / "repository", workspace.log(recipe))
    if faults := differences(checksums(out / "lib"), read_sums(project / SUMS)):
        raise ArtifactError(f"{recipe.name}: " + "; ".join(faults))
    for archive in sorted((out / "lib").glob("*.zip")):
        unpack(archive, out / re.sub(r"-\d.*$", "", archive.stem))
        archive.unlink()
    workspace.keep_output(recipe, out)


def bump(recipe: Recipe, book: Cookbook, store: Store) -> list[str]:
    """Pin what the project file resolves to now; gives the files."""
    host.install_packages({"maven"}, log=store.logs / "packages.log")
    project, scratch = PROJECTS / recipe.name, store.work / recipe.slug
    with store.exclusive():
        try:
            _fetch(project, scratch / "lib", scratch / "repository", store.logs / f"bump-{recipe.slug}.log")
            found = checksums(scratch / "lib")
        finally:
            host.clear_work(store)
    (project / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in found.items()))
    return list(found)


def checksums(folder: Path) -> dict[str, str]:
    """File name → SHA-256, sorted by name."""
    return {path.name: sha256_of(path) for path in sorted(folder.iterdir())}


def read_sums(path: Path) -> dict[str, str]:
    """The checksums of a file as ``sha256sum`` writes it."""
    return {name: digest for digest, name in (line.split() for line in path.read_text().splitlines())}


def differences(found: dict[str, str], wanted: dict[str, str]) -> list[str]:
    """What is wrong with the files that were fetched, in words; nothing when all is as pinned."""
    faults = [f"{name} is not pinned" for name in found.keys() - wanted.keys()]
    faults += [f"{name} is missing" for name in wanted.keys() - found.keys()]
    faults += [f"{name} has {found[name]}, wanted {wanted[name]}" for name in found.keys() & wanted.keys() if found[name] != wanted[name]]
    return sorted(faults)


def unpack(archive: Path, target: Path) -> None:
    """Unpack a zip with its executable bits; a single folder that holds everything is left out."""
    with zipfile.ZipFile(archive) as content:
        tops = {name.split("/")[0] for name in content.namelist()}
        skip = len(f"{tops.pop()}/") if len(tops) == 1 else 0
        for member in content.infolist():
            if member.is_dir() or not member.filename[skip:]:
                continue
            path = (target / member.filename[skip:]).resolve()
            if not path.is_relative_to(target.resolve()):
                raise ArtifactError(f"{archive.name}: {member.filename} leads out of the archive")
            path.parent.mkdir(parents=True, exist_ok=True)
            with content.open(member) as source, path.open("wb") as sink:
                shutil.copyfileobj(source, sink)
            path.chmod(0o755 if (member.external_attr >> 16) & stat.S_IXUSR else 0o644)


def _fetch(project: Path, target: Path, repository: Path, log: Path) -> None:
    options = [f"-Dmaven.repo.local={repository}", f"-DoutputDirectory={target}", "-DincludeScope=runtime"]
    process.run(["mvn", "--batch-mode", "--no-transfer-progress", "--file", project / "pom.xml", *options, PLUGIN], log=log)
