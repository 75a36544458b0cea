"""podman, set up for any builder: cgroups of either version, a low limit of open files, no registry but ours."""

from __future__ import annotations

import resource
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from artifacts import process
from artifacts.store import Store, make_readable, write_atomically

# crun and a raised limit fail on hosts without CAP_SYS_RESOURCE or with hybrid cgroups; these settings work on all.
CONTAINERS_CONF = """\
[engine]
runtime = "runc"
[engine.runtimes]
runc = ["/usr/sbin/runc", "/usr/bin/runc"]
[containers]
default_ulimits = ["nofile={nofile}:{nofile}", "nproc=30000:30000"]
"""
BUILD_FILES = 20000  # programs of a build that close every file there may be take long to count to a million
UPSTREAM_HOSTS = ("docker.io", "ghcr.io", "quay.io", "registry.invalid", "registry.k8s.io")


def environment(store: Store, registry_address: str = "", *, storage: Path | None = None) -> dict[str, str]:
    """Environment for every podman call.

    With a registry address, images of upstream names come from there: a Containerfile says what it would say anywhere.
    With ``storage``, podman keeps images and layers in that folder and not among the user's.
    """
    folder = store.root / "podman"
    env = settings(folder / "containers.conf", BUILD_FILES)
    if registry_address:
        redirects = "".join(_redirect(host, registry_address) for host in UPSTREAM_HOSTS)
        env["CONTAINERS_REGISTRIES_CONF"] = _write(folder / "registries.conf", redirects)
    if storage:
        text = f'[storage]\ndriver = "overlay"\ngraphroot = "{storage}/graph"\nrunroot = "{storage}/run"\n'
        env["CONTAINERS_STORAGE_CONF"] = _write(folder / "storage.conf", text)
    return env


def settings(path: Path, files: int) -> dict[str, str]:
    """Environment of podman calls by a containers.conf at ``path``; a container opens ``files`` at most, or what this machine allows."""
    nofile = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], files)
    return {"CONTAINERS_CONF": _write(path, CONTAINERS_CONF.format(nofile=nofile))}


def build(
    context: Path,
    tag: str,
    *,
    env: Mapping[str, str],
    log: Path,
    arguments: Mapping[str, str] | None = None,
    contexts: Mapping[str, Path] | None = None,
) -> None:
    """Build ``context/Containerfile`` into podman's storage as ``tag``; in the image everybody may read what it copies.

    ``contexts`` are further folders, by the name that ``COPY --from=`` uses. The network is the host's, for packages.
    """
    command: list[str | Path] = ["podman", "build", "--tag", tag, "--format=oci", "--network=host", "--pull-always"]
    command += ["--layers=false", "--force-rm"]
    for name, value in (arguments or {}).items():
        command += ["--build-arg", f"{name}={value}"]
    for name, folder in (contexts or {}).items():
        command += ["--build-context", f"{name}={folder}"]
    with tempfile.TemporaryDirectory(prefix="voicehelper-image-") as folder:
        copied = shutil.copytree(context, Path(folder, "context"))  # a clone has the modes of its owner's umask
        make_readable(copied)
        process.run([*command, copied], log=log, env=env)


def _write(path: Path, text: str) -> str:
    write_atomically(path, text)
    return str(path)


def _redirect(host: str, address: str) -> str:
    return f'[[registry]]\nprefix = "{host}"\nlocation = "{address}/{host}"\ninsecure = true\n'
