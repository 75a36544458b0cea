"""What the machine that builds must have: Debian packages and a Go toolchain."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from artifacts import process
from artifacts.store import ArtifactError, Store

# Programs by kind of recipe, and the Debian package that brings each.
PROGRAMS = {
    "base": {"mmdebstrap": "mmdebstrap"},
    "go": {"gcc": "gcc", "pkg-config": "pkg-config"},
    "maven": {"mvn": "maven"},
    "npm": {},
    "python": {},
    "image": {"podman": "podman", "runc": "runc", "gcc": "gcc"},
}
LIBRARIES = {"go": {"/usr/include/seccomp.h": "libseccomp-dev"}}
MINIMUM_GO = (1, 21)  # the first that can fetch the toolchain a module asks for
GO_CACHES = {"GOMODCACHE": "modules", "GOCACHE": "compiled"}  # below the store's work; all recipes of a run share them


def install_packages(kinds: set[str], *, log: Path) -> None:
    """Install the Debian packages that recipes of these kinds need and the machine lacks."""
    libraries = [item for kind in kinds for item in LIBRARIES.get(kind, {}).items()]
    missing = {package for path, package in libraries if not Path(path).exists()}
    for kind in kinds:
        missing |= lacking(PROGRAMS.get(kind, {}))
    install(missing, log=log)


def lacking(programs: Mapping[str, str]) -> set[str]:
    """The Debian packages (program → package) of those programs that this machine does not have."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return {package for program, package in programs.items() if not shutil.which(program, path=path)}


def install(packages: Collection[str], *, log: Path) -> None:
    """Install Debian packages. Raises ArtifactError, naming them, where this machine or user cannot."""
    if not packages:
        return
    if not shutil.which("apt-get"):
        raise ArtifactError(f"please install: {', '.join(sorted(packages))} (this machine has no apt-get to do it)")
    if os.geteuid() != 0:
        raise ArtifactError(f"please install, as root: apt-get install {' '.join(sorted(packages))}")
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    process.run(["apt-get", "update", "-qq"], log=log, env=env)
    process.run(["apt-get", "install", "-qq", "--no-install-recommends", *sorted(packages)], log=log, env=env)


def unpack_package(package: str, target: Path, *, log: Path) -> None:
    """Unpack a Debian package of this machine's release without installing it (no service starts)."""
    if target.is_dir():
        return
    download = target.with_name(f".{target.name}.download")
    shutil.rmtree(download, ignore_errors=True)
    download.mkdir(parents=True)
    if not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
        process.run(["apt-get", "update", "-qq"], log=log)
    process.run(["apt-get", "-o", "APT::Sandbox::User=root", "download", package], log=log, cwd=download)
    process.run(["dpkg-deb", "-x", next(download.glob("*.deb")), download / "root"], log=log)
    (download / "root").rename(target)
    shutil.rmtree(download)


def remove_tree(folder: Path) -> None:
    """Remove a folder (or file) if it is there, after unmounting what is mounted below it, as podman's storage is.

    Raises ArtifactError for what cannot be unmounted, whose content then stays, and OSError for what cannot be removed.
    """
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in sorted((path for path in mounts if Path(path).is_relative_to(folder)), reverse=True):
        process.output(["umount", "--lazy", mount])
    if folder.is_dir():
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)


def clear_work(store: Store, *, keep: Collection[str] = ()) -> None:
    """Remove the store's scratch space but for what is named. What a program that is ending still writes there, the next run removes."""
    for path in store.work.iterdir() if store.work.is_dir() else ():
        if path.name not in keep:
            with contextlib.suppress(OSError):
                remove_tree(path)
    with contextlib.suppress(OSError):
        store.work.rmdir()


def go_environment(store: Store) -> dict[str, str]:
    """Environment for a Go that can fetch the pinned toolchain; unpacks Debian trixie's where the machine has none."""
    env = {"GOPATH": str(store.work / "gopath")} | {name: str(store.work / folder) for name, folder in GO_CACHES.items()}
    if not _host_go_suffices():
        root = store.tools / "golang"
        if not root.is_dir():
            partial = store.tools / ".golang"
            shutil.rmtree(partial, ignore_errors=True)
            store.tools.mkdir(parents=True, exist_ok=True)
            log = store.logs / "golang.log"
            install_packages({"base"}, log=log)
            command = ["mmdebstrap", "--variant=extract", "--include=golang-go", "trixie", partial]
            process.run(command, log=log)
            partial.rename(root)
        goroot = next((root / "usr/lib").glob("go-1.*"))
        env |= {"GOROOT": str(goroot), "PATH": f"{goroot}/bin:{os.environ['PATH']}"}
    if proxy := os.environ.get("GOPROXY"):
        env["GOPROXY"] = proxy
    return env


def _host_go_suffices() -> bool:
    if not shutil.which("go"):
        return False
    found = re.match(r"go(\d+)\.(\d+)", process.output(["go", "env", "GOVERSION"], env={"GOTOOLCHAIN": "local"}))
    return bool(found) and tuple(map(int, found.groups())) >= MINIMUM_GO
