"""Write a set of files so that a reader never sees half of one."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import tempfile
from pathlib import Path


def current(path: Path) -> dict | None:
    """State of `path` as {content: bytes, mode: int, owner: str, group: str}; None when it is absent.

    An owner or group without a name is its number, as `ls` shows it: no wanted one is called so. Raises OSError where it cannot be read.
    """
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    owner, group = str(stat.st_uid), str(stat.st_gid)
    with contextlib.suppress(KeyError):
        owner = pwd.getpwuid(stat.st_uid).pw_name
    with contextlib.suppress(KeyError):
        group = grp.getgrgid(stat.st_gid).gr_name
    return {"content": path.read_bytes(), "mode": stat.st_mode & 0o7777, "owner": owner, "group": group}


def differs(have: dict | None, want: dict) -> bool:
    """True when the file on disk is not the wanted one in content, mode, owner or group."""
    return have is None or any(have[key] != want[key] for key in ("content", "mode", "owner", "group"))


def make_parents(path: Path) -> None:
    """Make the directories above `path` that are missing, 0755 whatever the login's umask."""
    for folder in reversed([folder for folder in path.parents if not folder.exists()]):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)


def write(path: Path, want: dict) -> None:
    """Replace `path` atomically by the wanted content, mode and owner; parents are made 0755."""
    make_parents(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(want["content"])
            os.fchown(stream.fileno(), pwd.getpwnam(want["owner"]).pw_uid, grp.getgrnam(want["group"]).gr_gid)
            os.fchmod(stream.fileno(), want["mode"])
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def proven(path: Path) -> Path:
    """Where the content is kept that `path` had before the change that is on trial."""
    return path.with_name(f"{path.name}.proven")


def keep(path: Path, have: dict | None, want: dict) -> None:
    """Keep what stands at `path`, nothing for a file that is not there; what an unfinished trial has kept stays."""
    if not proven(path).exists():
        write(proven(path), {**want, "content": have["content"] if have else b""})
