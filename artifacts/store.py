"""The artifact store: what was built or fetched, outside the clone, in the layout that a mirror has."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_lock_guard = threading.Lock()


class ArtifactError(Exception):
    """What went wrong and what to do about it; shown to the user without a traceback."""


def host_arch() -> str:
    """This machine's architecture in the words of Go and OCI: ``amd64`` or ``arm64``."""
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        raise ArtifactError(f"architecture {machine!r} is not supported; known: {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[machine]


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_atomically(path: Path, text: str) -> None:
    """Replace ``path`` with ``text``: a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def locked(path: Path, busy: str) -> Iterator[None]:
    """Hold a lock file, by this process and those it starts. Raises ArtifactError with ``busy`` where another one holds it."""
    with path.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArtifactError(busy) from None
        yield


def make_readable(folder: Path) -> None:
    """Let everybody read a folder and run its programs, whatever umask it was made under."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


@dataclass(frozen=True)
class Store:
    """Paths inside the store, and its lock file of checksums and digests."""

    root: Path

    @classmethod
    def default(cls) -> Store:
        """``$VOICEHELPER_LAB_STORE``, else ``voicehelper-lab`` in the user's cache directory."""
        chosen = os.environ.get("VOICEHELPER_LAB_STORE")
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return cls(Path(chosen) if chosen else Path(cache) / "voicehelper-lab")

    @property
    def files(self) -> Path:
        """The HTTP tree: each file under its upstream host and path."""
        return self.root / "files"

    @property
    def registry(self) -> Path:
        """Storage of the container registry."""
        return self.root / "registry"

    @property
    def outputs(self) -> Path:
        """What a build leaves before packing: binaries and sources that image builds copy from."""
        return self.root / "outputs"

    @property
    def tools(self) -> Path:
        """Programs that run on this machine: test tools, a registry, a Go toolchain."""
        return self.root / "tools"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def work(self) -> Path:
        """Scratch space; everything here may be removed when no build runs."""
        return self.root / "work"

    @property
    def lock_path(self) -> Path:
        return self.root / "lock.json"

    def stamp(self, recipe: str) -> Path:
        """Where a finished recipe's content key stands, and below it the seconds that it took."""
        return self.root / "stamps" / recipe

    def took(self, recipe: str) -> int | None:
        """Seconds that a finished recipe took; nothing where no stamp says so."""
        stamp = self.stamp(recipe)
        lines = stamp.read_text().splitlines() if stamp.exists() else []
        return int(lines[1]) if len(lines) > 1 else None

    def lock(self) -> dict[str, dict[str, str]]:
        """``{"files": {path: sha256}, "images": {reference: digest}}`` of what the store holds."""
        if not self.lock_path.exists():
            return {"files": {}, "images": {}}
        return json.loads(self.lock_path.read_text())

    def record(self, *, files: dict[str, str] | None = None, images: dict[str, str] | None = None) -> None:
        """Add checksums and digests to the lock file."""
        with _lock_guard:
            lock = self.lock()
            lock["files"].update(files or {})
            lock["images"].update(images or {})
            write_atomically(self.lock_path, json.dumps(lock, indent=1, sort_keys=True) + "\n")

    def add_file(self, source: Path, path: str, *, link: bool = True) -> str:
        """Put ``source`` at its upstream ``path``, hard-linked where possible and not refused; gives its SHA-256."""
        target = self.files / path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        same_disk = source.stat().st_dev == target.parent.stat().st_dev
        (os.link if link and same_disk else shutil.copy2)(source, temporary)
        temporary.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
        temporary.replace(target)
        checksum = sha256_of(target)
        self.record(files={path: checksum})
        return checksum

    def free_gib(self) -> float:
        """Free space on the store's file system, in GiB."""
        self.root.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.root).free / 2**30

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the store for writing, by this process and those it starts. Raises ArtifactError when another run holds it.

        What is written meanwhile is for others to read, such as the web server of a depot: the caller's umask does not count.
        """
        umask = os.umask(0o022)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with locked(self.root / ".writer", f"another run is writing to {self.root}; wait for it to end"):
                yield
        finally:
            os.umask(umask)
