"""The machine that carries a lab: its programs, its limits and how it runs podman."""

from __future__ import annotations

import functools
import os
import resource
import shutil
import subprocess
from pathlib import Path

from lab.state import LabError, Paths

# Program → the Debian package that brings it.
PROGRAMS = {
    "podman": "podman",
    "runc": "runc",
    "iptables": "iptables",
    "losetup": "mount",
    "mmdebstrap": "mmdebstrap",
    "ssh": "openssh-client",
}
# podman's network back ends: either will do, and Debian only recommends them.
NETWORK_BACKENDS = (Path("/usr/lib/podman/netavark"), Path("/usr/lib/cni/bridge"))
# Every node runs systemd, udev, containerd and a kubelet, and each holds a few of them.
INOTIFY = {"max_user_instances": 8192, "max_user_watches": 1048576}
# runc and limits that are not raised work with either cgroup version and without CAP_SYS_RESOURCE; crun does not.
CONTAINERS_CONF = """\
[engine]
runtime = "runc"
[engine.runtimes]
runc = ["/usr/sbin/runc", "/usr/bin/runc"]
[containers]
default_ulimits = ["nofile={nofile}:{nofile}", "nproc=30000:30000"]
"""
MINIMUM_FREE_GIB = 5


def prepare(paths: Paths) -> None:
    """Install what is missing, raise the inotify limits. Raises LabError where that needs root or a person."""
    if os.geteuid() != 0:
        raise LabError("a lab makes loop devices, networks and privileged containers: run it as root")
    packages = [package for program, package in PROGRAMS.items() if not shutil.which(program, path=_search_path())]
    if not any(backend.exists() for backend in NETWORK_BACKENDS):
        packages.append("containernetworking-plugins")
    _install(packages)
    for name, wanted in INOTIFY.items():
        setting = Path("/proc/sys/fs/inotify", name)
        if int(setting.read_text()) < wanted:
            setting.write_text(str(wanted))
    free = shutil.disk_usage(paths.root).free / 2**30
    if free < MINIMUM_FREE_GIB:
        raise LabError(f"{paths.root}: {free:.1f} GiB free, a lab needs at least {MINIMUM_FREE_GIB}")


def podman_environment(paths: Paths) -> dict[str, str]:
    """Environment of every podman call: this lab's own containers.conf."""
    nofile = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 1048576)
    conf = paths.root / "containers.conf"
    text = CONTAINERS_CONF.format(nofile=nofile)
    if not conf.exists() or conf.read_text() != text:
        conf.write_text(text)
    return {**os.environ, "CONTAINERS_CONF": str(conf)}


@functools.cache
def apt_settings() -> tuple[str, ...]:
    """The host's own way to its package mirrors (proxies, checks), as apt.conf lines for the nodes."""
    wanted = ("Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Check-")
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return tuple(line for line in dump.splitlines() if line.startswith(wanted))


def _search_path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _install(packages: list[str]) -> None:
    if not packages:
        return
    if not shutil.which("apt-get"):
        raise LabError(f"please install: {', '.join(packages)} (this machine has no apt-get to do it)")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", *command], env=environment, check=True)
