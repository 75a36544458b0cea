"""What a machine is, as far as this project changes machines: read before the first change, noted, and compared at the end of a reset.

A state is a table of categories, each of them a table of entries with what is to say of them, such as a file's mode and digest.
"""

from __future__ import annotations

import base64
import contextlib
import fnmatch
import gzip
import hashlib
import json
import os
import platform
import re
import socket
import stat
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from ansible.module_utils.node import member_facts
from ansible.module_utils.node.file_bundle import write
from ansible.module_utils.node.probe.software import output_lines, packages

State = dict[str, dict[str, str]]  # category → entry → what is to say of it

ROOT = Path("/")
NOTE = Path("/var/lib/voicehelper/before.json.gz")  # away from everything that a reset removes before its end
FIRST_MADE = (NOTE.parent, Path("/etc/sysctl.d/90-voicehelper.conf"))  # by the first of the roles, and by those of a cluster
TREES = ("/etc", "/usr/local", "/opt")  # file by file
FOLDERS = ("/", "/home", "/root", "/srv", "/var/lib", "/var/log")  # by the names in them
# Caches, logs of dpkg, and what `users` and `groups` say in a form that does not depend on the order in which they were made.
BESIDES = {
    *(f"/etc/{name}{end}" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid") for end in ("", "-")),
    *("/etc/.pwd.lock", "/etc/.updated", "/etc/ld.so.cache", "/etc/mtab", "/var/log/alternatives.log", "/var/log/dpkg.log"),
    str(NOTE.parent),
}
DIGESTED = 1 << 20  # bytes; of a larger file the size has to do
KEPT = 1 << 16  # bytes; a larger file of /etc is not one of settings
COMING_AND_GOING = re.compile(r"/run/(user|credentials)(/|$)|/proc/sys/fs/binfmt_misc$")  # mounts of a login, of a service, of a first look
PODS_LINK = re.compile(r"cilium_|lxc_health$|lxc[0-9a-f]{12}$")
PODS_CHAIN = re.compile(r"(OLD_)?CILIUM_|KUBE-")
PODS_TABLES = {"2004", "2005"}  # to and from Cilium's proxy
PODS_RULE = re.compile(r" fwmark 0x(200|a00|e00) lookup (2004|2005|201)$| 100: from all lookup local$")  # 201: to WireGuard
PODS_PROGRAMS = ("/sys/fs/bpf/cilium", "/sys/fs/bpf/tc/globals/cilium_")
# From linux/netlink.h, linux/netfilter/nfnetlink.h and nf_tables.h.
NETLINK_NETFILTER, NLMSG_ERROR, NLMSG_DONE, DUMP, GET_TABLE, GET_CHAIN = 12, 2, 3, 0x301, 10 << 8 | 1, 10 << 8 | 4
FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}


class Refused(Exception):
    """A reset cannot go on without harm; the text says what was found, what was wanted and what to do."""


def read(settings: list[str]) -> State:
    """The machine's state, with the values of these kernel settings."""
    return {
        "hostname": hostname(),
        "packages": dict.fromkeys(packages(), ""),
        "users": _accounts("passwd"),
        "groups": _accounts("group"),
        "units": unit_files(),
        "files": dict(_files()),
        "folders": {str(Path(folder, name)): "" for folder in FOLDERS for name in _names(folder)},
        "mounts": {path: kind for path, kind in mounts() if not COMING_AND_GOING.match(path)},
        "swap": swap(),
        "links": dict.fromkeys(links(), ""),
        "addresses": {f"{address} {link}": "" for link, address in addresses()},
        "routes": {line: "" for family in ("-4", "-6") for line in _routes(family)},
        "rules": {describe(family, rule): "" for family in ("-4", "-6") for rule in rules(family)},
        "packet filter": dict.fromkeys(packet_filter(), ""),
        "eBPF": dict.fromkeys(programs(), ""),
        "settings": {name: value for name in settings if (value := setting(name)) is not None},
    }


def take(settings: list[str]) -> State:
    """Note the state as it is before the first change, with the settings files of /etc that everybody may read anyway."""
    state = read(settings)
    text = json.dumps({**state, "contents": _contents()})
    write(NOTE, {"content": gzip.compress(text.encode()), "mode": 0o600, "owner": "root", "group": "root"})
    return state


class Note:
    """The state before the first change, as it was noted; empty, and not `known`, where nobody noted it."""

    def __init__(self, state: State | None):
        self.known, self.state = state is not None, state or {}

    @classmethod
    def read(cls) -> Note:
        """That of this machine. Raises OSError or ValueError where it cannot be read."""
        try:
            return cls(json.loads(gzip.decompress(NOTE.read_bytes())) if NOTE.exists() else None)
        except (EOFError, zlib.error) as error:
            raise ValueError(f"{NOTE}: {error}") from error

    def of(self, category: str) -> dict[str, str]:
        """The entries of a category."""
        return self.state.get(category, {})

    def has(self, category: str, entry: str) -> bool:
        """Whether an entry was there before."""
        return entry in self.of(category)

    def content(self, path: str) -> bytes | None:
        """What a file of settings said; None for one that was not there, or is not for everybody to read."""
        text = self.of("contents").get(path)
        return None if text is None else base64.b64decode(text)


def untouched() -> bool:
    """Whether the machine belongs to no cluster, and no run of this project has changed it: only then is its state one from before."""
    traces = (member_facts.KUBERNETES / trace for trace in member_facts.TRACES)
    return not any(path.exists() for path in (*traces, *FIRST_MADE))


def found(pattern: str) -> Iterator[Path]:
    """What there is of a path, in which * stands for any part of a name; links are not followed."""
    if "*" in pattern:
        yield from ROOT.glob(pattern.lstrip("/"))
    elif os.path.lexists(place := ROOT / pattern.lstrip("/")):
        yield place


def name_of(place: Path) -> str:
    """The path of a place on the machine."""
    return f"/{place.relative_to(ROOT)}"


def packaged(path: str) -> bool:
    """Whether a file or folder is a package's own: it brings it, or makes it when it is installed, which Debian's `ucf` notes."""
    registry = ROOT / "var/lib/ucf/registry"
    made = (line.split()[-1] for line in registry.read_text().splitlines()) if registry.exists() else ()
    return path in made or bool(output_lines("dpkg-query", "--search", path))


def below(path: str, patterns: Iterable[str]) -> bool:
    """Whether a path is one of these or lies below one."""
    return any(fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(path, f"{pattern}/*") for pattern in patterns)


def difference(before: Note, now: State) -> list[tuple[str, str, str]]:
    """(category, sign, entry) of all that came (+), went (-) or has changed (~); without a note all that is there came."""
    lines = []
    for category, entries in now.items():
        there = before.of(category)
        lines += [(category, "+", entry) for entry in sorted(entries.keys() - there.keys())]
        lines += [(category, "-", entry) for entry in sorted(there.keys() - entries.keys())]
        lines += [(category, "~", entry) for entry in sorted(there.keys() & entries.keys()) if there[entry] != entries[entry]]
    return lines


def ours(category: str, sign: str, entry: str, paths: list[str], address: str, table: str = "") -> bool:
    """Whether a difference is one that this project makes, and a reset has to undo.

    Args:
        category, sign, entry: the difference.
        paths: what the roles leave on a machine.
        address: the API's, which a control plane may hold.
        table: that of the packet filter, as `inet NAME`.
    """
    if category == "settings":
        return sign == "~"
    if sign != "+":
        return False
    words = entry.split()
    return {
        "units": lambda: entry.startswith("kubepods") or below(f"/etc/systemd/system/{entry}", paths),
        "files": lambda: below(entry, paths),
        "folders": lambda: below(entry, paths),
        "mounts": lambda: below(entry, paths),
        "links": lambda: bool(PODS_LINK.match(entry)),
        "addresses": lambda: bool(PODS_LINK.match(words[1])) or words[0] == f"{address}/32",
        "routes": lambda: any(PODS_LINK.match(word) for word in words) or bool(PODS_TABLES & set(words)),
        "rules": lambda: of_pods(entry),
        "packet filter": lambda: entry.startswith(f"{table} ") or entry == table or bool(PODS_CHAIN.match(words[-1])),
        "eBPF": lambda: entry.startswith(PODS_PROGRAMS) or " cil_" in entry,
    }.get(category, lambda: False)()


def of_pods(rule: str) -> bool:
    """Whether a routing rule, as `describe` has it, is one of Cilium's, which also moves the kernel's own rule for local addresses."""
    return bool(PODS_RULE.search(rule))


# What the parts of a state are read by, and the reset too.


def hostname() -> dict[str, str]:
    """The name of the machine."""
    return {platform.node(): ""}


def unit_files() -> dict[str, str]:
    """Units that have a file, with whether they are enabled, masked and so on."""
    return dict(line.split()[:2] for line in output_lines("systemctl", "list-unit-files", "--no-legend", "--plain"))


def swap() -> dict[str, str]:
    """Devices and files in use as swap."""
    return {line.split()[0]: "" for line in Path("/proc/swaps").read_text().splitlines()[1:]}


def links() -> list[str]:
    """Names of the network's links."""
    return sorted(path.name for path in Path("/sys/class/net").iterdir())


def mounts() -> list[tuple[str, str]]:
    """(path, kind of file system) of every mount, in the order in which they were made."""
    lines = (line.partition(" - ") for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return [(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), left.split()[4]), right.split()[0]) for left, _, right in lines]


def answer(*command: str) -> list[dict]:
    """What a program of iproute2 says in JSON; nothing where it says nothing."""
    return json.loads("\n".join(output_lines(*command)) or "[]")


def addresses() -> list[tuple[str, str]]:
    """(link, address/length) of all that reach beyond their link, without those that the kernel renews by itself."""
    return [
        (link["ifname"], f"{entry['local']}/{entry['prefixlen']}")
        for link in answer("ip", "-j", "address")
        for entry in link.get("addr_info", [])
        if entry.get("scope") == "global" and not entry.get("temporary")
    ]


def rules(family: str) -> list[dict]:
    """Routing rules of a family, -4 or -6."""
    return answer("ip", family, "-j", "rule")


def describe(family: str, rule: dict) -> str:
    """A routing rule as `ip rule` shows it, as far as Cilium and the kernel make some."""
    mark = f" fwmark {rule['fwmark']}" if "fwmark" in rule else ""
    return f"{family} {rule.get('priority', 0)}: from {rule.get('src', 'all')}{mark} lookup {rule.get('table', '')}"


def routes(family: str) -> list[dict]:
    """Routes of all tables of a family."""
    return answer("ip", family, "-j", "route", "show", "table", "all")


def filters(link: str) -> list[tuple[str, dict]]:
    """(side, filter) of the eBPF programs that tc runs on a link."""
    asked = ((side, answer("tc", "-j", "filter", "show", "dev", link, side)) for side in ("ingress", "egress"))
    return [(side, entry) for side, entries in asked for entry in entries if "bpf_name" in entry.get("options", {})]


def pinned() -> list[str]:
    """Programs, maps and links of programs that have a name below /sys/fs/bpf."""
    return [str(Path(folder, name)) for folder, _, names in os.walk("/sys/fs/bpf") for name in names]


def programs() -> Iterator[str]:
    """What is pinned, and what tc runs. A program that nothing but a process holds ends with that."""
    yield from pinned()
    for link in links():
        yield from (f"{link} {side} {entry['options']['bpf_name']}" for side, entry in filters(link))
        yield from (f"{link} clsact" for entry in answer("tc", "-j", "qdisc", "show", "dev", link) if entry["kind"] == "clsact")


def packet_filter() -> list[str]:
    """`family table` and `family table chain` of nftables, and `family legacy table` of its predecessor.

    The kernel itself is asked: the program `nft` comes and goes with this project.
    """
    tables = [f"{family} {names[1]}" for family, names in _netlink(GET_TABLE)]
    chains = [f"{family} {names[1]} {names[3]}" for family, names in _netlink(GET_CHAIN)]
    for family in ("ip", "ip6"):
        listing = Path(f"/proc/net/{family}_tables_names")
        tables += [f"{family} legacy {name}" for name in (listing.read_text().split() if listing.exists() else [])]
    return sorted({*tables, *chains})


def setting(name: str) -> str | None:
    """Value of a kernel setting; None where this kernel has none."""
    with contextlib.suppress(OSError):
        return (ROOT / "proc/sys" / name.replace(".", "/")).read_text().strip()
    return None


def _netlink(kind: int) -> Iterator[tuple[str, dict[int, str]]]:
    """(family, strings by number of attribute) of each object that the kernel's nf_tables lists; nothing where it has none."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as netlink:
        netlink.settimeout(2)
        netlink.send(struct.pack("=IHHIIBBH", 20, kind, DUMP, 1, 0, socket.AF_UNSPEC, 0, 0))
        while True:
            data, position = netlink.recv(1 << 18), 0
            while position < len(data):
                length, answered = struct.unpack_from("=IH", data, position)
                if answered in (NLMSG_ERROR, NLMSG_DONE):
                    return
                yield FAMILIES.get(data[position + 16], "?"), _attributes(data[position + 20 : position + length])
                position += -(-length // 4) * 4


def _attributes(data: bytes) -> dict[int, str]:
    position, strings = 0, {}
    while position + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, position)
        strings[kind & 0x3FFF] = data[position + 4 : position + length].rstrip(b"\0").decode(errors="replace")
        position += max(4, -(-length // 4) * 4)
    return strings


def _routes(family: str) -> list[str]:
    """Routes as lines, without what the kernel makes of each address and what routers tell."""
    return [
        f"{family} {route['dst']} via {route.get('gateway', '-')} dev {route.get('dev', '-')} table {route.get('table', 'main')}"
        for route in routes(family)
        if route.get("table") != "local" and route.get("protocol") != "ra" and route.get("type") != "multicast"
    ]


def _accounts(table: str) -> dict[str, str]:
    lines = (line.split(":") for line in (ROOT / "etc" / table).read_text().splitlines())
    return {name: ":".join([*rest[:2], *rest[3:]] if table == "passwd" else rest) for name, _, *rest in lines}


def _names(folder: str) -> list[str]:
    place = ROOT / folder.lstrip("/")
    return [path.name for path in place.iterdir() if str(Path(folder, path.name)) not in BESIDES] if place.is_dir() else []


def _walk() -> Iterator[tuple[str, Path, os.stat_result]]:
    """(path, where it is, what it is) of everything below TREES."""
    for tree in TREES:
        for folder, folders, names in os.walk(ROOT / tree.lstrip("/")):
            for name in (*folders, *names):
                place = Path(folder, name)
                path = name_of(place)
                if path not in BESIDES:
                    with contextlib.suppress(FileNotFoundError):
                        yield path, place, place.lstat()


def _files() -> Iterator[tuple[str, str]]:
    for path, place, what in _walk():
        kept = f"{stat.filemode(what.st_mode)} {what.st_uid}:{what.st_gid}"
        if place.is_symlink():
            yield path, f"-> {place.readlink()}"
        elif place.is_file():
            small = what.st_size <= DIGESTED
            yield path, f"{kept} {hashlib.sha256(place.read_bytes()).hexdigest()[:16] if small else what.st_size}"
        else:
            yield path, kept


def _contents() -> dict[str, str]:
    """Base64 of the files that may have to be put back: none that not everybody may read, as the note shall hold no secret."""
    files = ((path, place, what) for path, place, what in _walk() if path.startswith("/etc/") and stat.S_ISREG(what.st_mode))
    public = ((path, place) for path, place, what in files if what.st_mode & 0o004 and what.st_size <= KEPT)
    return {path: base64.b64encode(place.read_bytes()).decode() for path, place in public}
