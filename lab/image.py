"""Images of the lab: a bare Debian for the nodes, a Debian with nginx and docker-registry for the depot."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from artifacts import process
from lab.host import apt_settings
from lab.podman import Podman

ROOTFS = Path(__file__).parent / "rootfs"
LOCKS = Path("/run/lock")
NAMESPACE = "localhost/voicehelper-lab"


@dataclass(frozen=True)
class Image:
    """What an image is made of: packages, files of ``rootfs``, and shell lines run in the finished tree."""

    name: str
    release: str
    packages: tuple[str, ...]
    files: dict[str, str]
    setup: tuple[str, ...]
    command: str

    @property
    def tag(self) -> str:
        """Name and tag in podman's storage; clones with other recipes do not disturb each other."""
        return f"{NAMESPACE}/{self.name}:{self.release}-{self.recipe[:12]}"

    @functools.cached_property
    def recipe(self) -> str:
        """Hash of everything that the image is made of: another recipe, another image."""
        parts = [repr(self), process.OUTSIDE, *apt_settings(), *((ROOTFS / source).read_text() for source in self.files)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@functools.cache
def node(release: str) -> Image:
    """What a Debian server has right after its installation, and nothing more."""
    return Image(
        name="node",
        release=release,
        packages=(
            *("systemd", "systemd-sysv", "dbus", "udev", "kmod", "procps", "iproute2", "util-linux"),
            *("openssh-server", "sudo", "python3", "python3-apt", "ca-certificates", "e2fsprogs", "xfsprogs"),
        ),
        files={"lab-init": "usr/local/sbin/lab-init"},
        setup=(
            "useradd --create-home --shell /bin/bash --groups sudo admin",
            "printf 'admin ALL=(ALL) NOPASSWD: ALL\\n' >/etc/sudoers.d/admin",
            "rm -f /etc/ssh/ssh_host_* /etc/machine-id",
            # Work that the nodes, sharing two cores, would all begin at once.
            "systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer xfs_scrub_all.timer",
            "systemctl mask console-getty.service",
            # Interfaces belong to the host and to the network plugin: no renaming, no new MAC addresses.
            "ln -s /dev/null /etc/udev/rules.d/80-net-setup-link.rules",
        ),
        command="/usr/local/sbin/lab-init",
    )


@functools.cache
def depot() -> Image:
    """The lab's mirror: files over HTTP and a container registry, both read-only."""
    return Image(
        name="depot",
        release="trixie",
        packages=("nginx-light", "docker-registry"),
        files={
            "depot-run": "usr/local/bin/depot-run",
            "nginx.conf": "etc/nginx/nginx.conf",
            "registry.yml": "etc/docker/registry/config.yml",
        },
        setup=(),
        command="/usr/local/bin/depot-run",
    )


def ensure(podman: Podman, image: Image) -> None:
    """Make the image unless podman has this very recipe already; older ones that no node uses any more go."""
    with (LOCKS / f"voicehelper-{image.name}-{image.release}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # labs with other state directories share podman's images
        if podman.succeeds("image", "exists", image.tag):
            return
        with tempfile.TemporaryDirectory(prefix="voicehelper-lab-") as folder:
            archive = Path(folder, "root.tar")
            _bootstrap(image, archive, podman.logs / f"image-{image.name}-{image.release}.log")
            podman("import", f'--change=CMD ["{image.command}"]', archive, image.tag)
    for tag in podman("images", "--format={{.Repository}}:{{.Tag}}", f"{NAMESPACE}/{image.name}").splitlines():
        if tag.startswith(image.tag.rpartition("-")[0]) and tag != image.tag:
            podman("rmi", tag, check=False)


def remove_all(podman: Podman) -> None:
    """Remove every image of the lab that no container uses."""
    for name in ("node", "depot"):
        for identity in podman("images", "--quiet", f"{NAMESPACE}/{name}").split():
            podman("rmi", identity, check=False)


def _bootstrap(image: Image, archive: Path, log: Path) -> None:
    settings = archive.with_name("apt.conf")
    settings.write_text("".join(f"{line}\n" for line in apt_settings()))
    dpkg = archive.with_name("dpkg.cfg")
    dpkg.write_text("force-unsafe-io\n")
    for path in (settings, dpkg):
        path.chmod(0o644)
    hooks = [f"upload {settings} /etc/apt/apt.conf.d/90lab", f"upload {dpkg} /etc/dpkg/dpkg.cfg.d/90lab"]
    for source, target in image.files.items():
        hooks.append(f"upload {ROOTFS / source} /{target}")
        hooks.append(f'chmod {"0644" if Path(source).suffix else "0755"} "$1/{target}"')
    hooks += [f'chroot "$1" sh -ec {_quoted(line)}' for line in image.setup]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(image.packages)}"]
    command += [f"--dpkgopt={dpkg}", '--aptopt=APT::Install-Recommends "false"']
    command += [f"--customize-hook={hook}" for hook in hooks]
    process.run([*command, image.release, archive], log=log)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
