"""The machine that carries a lab: its programs, its limits and how it runs podman."""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path

from artifacts import host, podman, process
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
NODE_FILES = 1048576  # that a container which is a whole machine may open
MINIMUM_FREE_GIB = 5


def prepare(paths: Paths) -> None:
    """Install what is missing, raise the inotify limits. Raises LabError where that needs root or a person."""
    if os.geteuid() != 0:
        raise LabError("a lab makes loop devices, networks and privileged containers: run it as root")
    packages = host.lacking(PROGRAMS)
    if not any(backend.exists() for backend in NETWORK_BACKENDS):
        packages.add("containernetworking-plugins")
    host.install(packages, log=paths.logs / "packages.log")
    for name, wanted in INOTIFY.items():
        setting = Path("/proc/sys/fs/inotify", name)
        if int(setting.read_text()) < wanted:
            setting.write_text(str(wanted))
    free = shutil.disk_usage(paths.root).free / 2**30
    if free < MINIMUM_FREE_GIB:
        raise LabError(f"{paths.root}: {free:.1f} GiB free, a lab needs at least {MINIMUM_FREE_GIB}")


def podman_environment(paths: Paths) -> dict[str, str]:
    """Environment of every podman call: this lab's own containers.conf."""
    return podman.settings(paths.root / "containers.conf", NODE_FILES)


@functools.cache
def apt_settings() -> tuple[str, ...]:
    """The host's own way to its package mirrors (proxies, checks), as apt.conf lines for the nodes."""
    wanted = ("Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Check-")
    dump = process.output(["apt-config", "dump"])
    return tuple(line for line in dump.splitlines() if line.startswith(wanted))
