"""Project quotas of XFS: the directory of a volume takes no more of the disk than its volume has.

A project is a number that every file of a directory tree carries. It is made of the directory's path, so that it stays without being kept.
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import zlib
from pathlib import Path

_GET_ATTRIBUTES = 0x801C581F  # FS_IOC_FSGETXATTR
_ATTRIBUTES = "IIIII8x"  # struct fsxattr: flags, extent size, extents, project, CoW extent size
_INHERIT = 0x200  # FS_XFLAG_PROJINHERIT


def lacking(root):
    """Why directories below `root` cannot be bounded; '' when they can."""
    place, kind, options = _mount(root)
    if kind != "xfs":
        return f"{place} is {kind}, and only XFS has project quotas"
    if "prjquota" in options:
        return ""
    return f"{place} is mounted without prjquota, which the next boot mends where the kernel's XFS has quotas (CONFIG_XFS_QUOTA)"


def setting(root, path, size):
    """Commands by which the directory `path` below the mount `root` takes at most `size` bytes; none when that is so."""
    number, place = project(path), _mount(root)[0]
    commands = []
    if _projects(place).get(number) != size // 1024:
        commands.append(["xfs_quota", "-x", "-c", f"limit -p bhard={size // 1024}k {number}", place])
    if not Path(path).is_dir() or _attributes(path) != (number, True):
        commands.append(["xfs_quota", "-x", "-c", f"project -s -p {path} {number}", place])
    return commands


def project(path):
    """Number of the project of a directory."""
    return zlib.crc32(str(path).encode()) >> 1 or 1


def limits(report):
    """{project: most KiB} of what `xfs_quota report -p -n -N -b` prints: `#project used soft hard warnings [grace]` a line."""
    rows = [line.split() for line in report.splitlines() if line.startswith("#")]
    return {int(row[0][1:]): int(row[3]) for row in rows}


def _projects(place):
    command = ["xfs_quota", "-x", "-c", "report -p -n -N -b", place]
    return limits(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def _attributes(path):
    """(project, whether new files inherit it) of a directory."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found = fcntl.ioctl(handle, _GET_ATTRIBUTES, bytes(struct.calcsize(_ATTRIBUTES)))
    finally:
        os.close(handle)
    flags, _, _, number, _ = struct.unpack(_ATTRIBUTES, found)
    return number, bool(flags & _INHERIT)


def _mount(path):
    """(place, file system, options) of the mount that a path lies on."""
    path, found = os.path.realpath(path), ("/", "", set())
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, origin = line.partition(" - ")
        place, (kind, _, options) = fields.split()[4].replace("\\040", " "), origin.split()[:3]
        if os.path.commonpath([place, path]) == place and len(place) >= len(found[0]):
            found = place, kind, set(options.split(","))
    return found
