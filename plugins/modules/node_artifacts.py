#!/usr/bin/python
"""Bring released files to a node, checked by their SHA-256."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_artifacts
short_description: Bring released files to a node, checked by their SHA-256
description:
  - Downloads what is missing or of another version, all at once, checks each against its sum and installs it.
  - What was installed is remembered in C(state_dir), so a run that changes nothing reads no large file.
options:
  artifacts:
    description: The files wanted.
    type: list
    elements: dict
    required: true
    suboptions:
      url: {description: Where to get it., type: str, required: true}
      sha256: {description: Its SHA-256 in hex., type: str, required: true}
      dest: {description: Install the file itself at this path. Give this or C(unpack_to)., type: path}
      mode: {description: Octal mode of C(dest)., type: str, default: "0755"}
      unpack_to: {description: Unpack the tar archive into this directory., type: path}
      members: {description: The only members wanted of the archive. All when empty., type: list, elements: str, default: []}
      strip: {description: Leading path components to drop., type: int, default: 0}
      version: {description: "Version, as the lookup C(artifact) gives it; for the reader of the stamp.", type: str, default: ""}
      path: {description: "Path in the catalogue, as the lookup C(artifact) gives it.", type: str, default: ""}
  state_dir:
    description: Directory of the stamps.
    type: path
    default: /var/lib/voicehelper/artifacts
  timeout:
    description: Seconds without an answer before a download fails.
    type: int
    default: 60
author: VoiceHelper
"""

RETURN = r"""
installed:
  description: Paths that were installed (or would be, in check mode).
  type: list
  returned: always
"""

import contextlib
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.node.file_bundle import make_parents
from ansible.module_utils.urls import open_url

BLOCK = 1 << 20  # bytes read at a time


class ArtifactError(Exception):
    """One artifact cannot be installed; the text says which and why."""


def footprint(path: Path) -> list[int] | None:
    """[size in bytes, mtime in ns] of a file; None when it is absent."""
    with contextlib.suppress(FileNotFoundError):
        stat = path.stat()
        return [stat.st_size, stat.st_mtime_ns]
    return None


def stamp_of(state_dir: Path, item: dict) -> Path:
    """Stamp file of an artifact, named after where it is installed and what it is called."""
    place = item["dest"] or f"{item['unpack_to']}/{Path(item['url']).name.split('-')[0]}"
    return state_dir / (place.strip("/").replace("/", "_") + ".json")


def is_current(state_dir: Path, item: dict) -> bool:
    """True when the stamp names this sum and every file it put down is still the one it put down."""
    try:
        stamp = json.loads(stamp_of(state_dir, item).read_text())
    except (FileNotFoundError, ValueError):
        return False
    return stamp["sha256"] == item["sha256"] and all(footprint(Path(path)) == known for path, known in stamp["files"].items())


def download(item: dict, directory: Path, timeout: int) -> Path:
    """Fetch one artifact into `directory`. Raises ArtifactError on a refused download or a wrong sum."""
    descriptor, name = tempfile.mkstemp(dir=directory)
    digest = hashlib.sha256()
    try:
        with os.fdopen(descriptor, "wb") as handle, open_url(item["url"], timeout=timeout) as answer:
            while block := answer.read(BLOCK):
                digest.update(block)
                handle.write(block)
    except Exception as error:
        raise ArtifactError(f"{item['url']}: could not be downloaded: {error}") from error
    if digest.hexdigest() != item["sha256"]:
        raise ArtifactError(
            f"{item['url']}: wrong checksum: found sha256:{digest.hexdigest()}, wanted sha256:{item['sha256']}. "
            "Nothing was installed. Check the mirror, or the version's entry in group_vars/all/artifacts_files.yml."
        )
    return Path(name)


def place(source: Path, path: Path, mode: int) -> None:
    """Move `source` to `path` atomically, also while the old file is being executed."""
    make_parents(path)
    neighbour = path.with_name(f".{path.name}.new")
    shutil.copyfile(source, neighbour)
    neighbour.chmod(mode)
    neighbour.replace(path)


def unpack(archive: Path, item: dict, directory: Path) -> list[str]:
    """Unpack the wanted members of a tar archive; gives the paths of the files put down."""
    root, done = Path(item["unpack_to"]), []
    with tarfile.open(archive) as tar:
        for member in tar:
            name = "/".join(part for part in member.name.split("/") if part != ".")
            name = "/".join(name.split("/")[item["strip"] :])
            if not member.isfile() or not name or ".." in name.split("/"):
                continue
            if item["members"] and name not in item["members"]:
                continue
            extracted = directory / "member"
            with tar.extractfile(member) as stream, extracted.open("wb") as target:
                shutil.copyfileobj(stream, target)
            place(extracted, root / name, (member.mode & 0o755) | 0o644)
            done.append(str(root / name))
    if missing := set(item["members"]) - {str(Path(path).relative_to(root)) for path in done}:
        raise ArtifactError(f"{item['url']}: the archive lacks {', '.join(sorted(missing))}")
    return done


def install(item: dict, archive: Path, directory: Path, state_dir: Path) -> list[str]:
    """Put one downloaded artifact in its place and write its stamp."""
    if item["dest"]:
        place(archive, Path(item["dest"]), int(item["mode"], 8))
        paths = [item["dest"]]
    else:
        paths = unpack(archive, item, directory)
    stamp = {
        "sha256": item["sha256"],
        "url": item["url"],
        "version": item["version"],
        "files": {path: footprint(Path(path)) for path in paths},
    }
    stamp_of(state_dir, item).write_text(json.dumps(stamp, indent=1) + "\n")
    return paths


def main():
    spec = {
        "url": {"type": "str", "required": True},
        "sha256": {"type": "str", "required": True},
        "dest": {"type": "path"},
        "mode": {"type": "str", "default": "0755"},
        "unpack_to": {"type": "path"},
        "members": {"type": "list", "elements": "str", "default": []},
        "strip": {"type": "int", "default": 0},
        "version": {"type": "str", "default": ""},
        "path": {"type": "str", "default": ""},
    }
    module = AnsibleModule(
        argument_spec={
            "artifacts": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": spec,
                "required_one_of": [("dest", "unpack_to")],
                "mutually_exclusive": [("dest", "unpack_to")],
            },
            "state_dir": {"type": "path", "default": "/var/lib/voicehelper/artifacts"},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    state_dir = Path(module.params["state_dir"])
    wanted = [item for item in module.params["artifacts"] if not is_current(state_dir, item)]
    if module.check_mode or not wanted:
        places = [item["dest"] or item["unpack_to"] for item in wanted]
        module.exit_json(changed=bool(wanted), installed=places)

    state_dir.mkdir(parents=True, exist_ok=True)
    installed: list[str] = []
    with tempfile.TemporaryDirectory(dir=state_dir) as name, ThreadPoolExecutor(4) as pool:
        directory = Path(name)
        try:
            archives = list(pool.map(lambda item: download(item, directory, module.params["timeout"]), wanted))
            for item, archive in zip(wanted, archives, strict=True):
                installed += install(item, archive, directory, state_dir)
        except (ArtifactError, OSError, tarfile.TarError) as error:
            module.fail_json(msg=str(error), installed=installed)
    module.exit_json(changed=True, installed=installed)


if __name__ == "__main__":
    main()
