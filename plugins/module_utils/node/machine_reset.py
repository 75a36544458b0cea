"""Takes away what this project has made on a machine, part by part. Each part finds out what is left to do: it may be interrupted anywhere.

What was there before, as the note says, stays, and is put back where a role has changed it. Without a note nothing counts as there before.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from ansible.module_utils.node import disk_facts, disk_plan, machine_kernel, machine_state, units
from ansible.module_utils.node.file_bundle import current, write
from ansible.module_utils.node.machine_state import ROOT, Note, Refused, below, packaged
from ansible.module_utils.node.node_steps import Node
from ansible.module_utils.node.probe.software import output_lines, packages

ARTIFACTS = machine_state.NOTE.parent / "artifacts"  # the stamps of node_artifacts
MARKS = units.MARKS.parent
JOURNAL = "/var/log/journal"  # role base has it kept on disk; one that was there keeps what is in it
SYSTEMD = "/etc/systemd/system"
SERVERS = ("ssh.service", "sshd.service")
SET_ASIDE = ".cilium_bak"  # Cilium renames so what others have for CNI
PODS, OF_PODS = "kubepods.slice", ("kubepods*.slice", "cri-containerd-*.scope")
SHIM = "containerd-shim-runc-v2"
ENDING, DYING = 30, 30  # seconds that processes have to end by themselves, and to be gone after they were killed
BELOW = [f"{tree}/*" for tree in machine_state.TREES]
SWAP = re.compile(r"[^#\s]\S*\s+\S+\s+swap\s")
APT = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "-o", "DPkg::Lock::Timeout=300"]
NEEDED_ONLY = [word for kind in ("Recommends", "Suggests") for word in ("-o", f"APT::AutoRemove::{kind}Important=false")]
UNFINISHED = re.compile(r".[UHFWt]")  # of dpkg-query: a package that an interruption has left between two states


class Reset:
    """One machine on its way back."""

    def __init__(self, node: Node, params: dict, before: Note):
        self.node, self.params, self.before, self.pending = node, params, before, set()
        self.paths = [entry["path"] for entry in params["files"]]

    def change(self, path: str, step: str, function: Callable, *arguments, reader: str = "") -> None:
        """Change a file. Whoever reads it is marked before, so that a run which dies in between leaves that to the next one."""
        files = self.params["files"]
        readers = [entry["restarts"] for entry in files if below(path, [entry["path"]]) or below(entry["path"], [path])]
        names = {name for unit in [*readers, reader] for name in units.readers(path, unit)}
        self.pending |= names
        if not self.node.check:
            units.mark(names)
        self.node.act(step, function, *arguments)

    def take_over(self) -> None:
        """Have the readers of what has changed read what is there now; those that came by us go, or are gone."""
        known = {units.RELOAD, *SERVERS, *(entry["restarts"] for entry in self.params["files"])} - {""}
        for name in sorted(self.pending | units.marked(known)):
            if name == units.RELOAD:
                self.node.run(["systemctl", name])
            elif self.before.has("units", name) or (not self.before.known and name.startswith("systemd-")) or name in SERVERS:
                self.node.run(["systemctl", "reload" if name in SERVERS else "try-restart", name])
            if not self.node.check:
                (units.MARKS / name).unlink(missing_ok=True)

    # Programs

    def programs(self) -> None:
        """Stop the units, the runtime last, and end what outlives it: the pods, and what systemd keeps of them."""
        own = [name for name in self.units() if not name.endswith(".mount")]
        self.stop(sorted(own, key="containerd.service".__eq__))
        if pods := processes():
            self.node.act(f"end {len(pods)} processes of pods", end)
        self.stop([PODS])
        failed = output_lines("systemctl", "list-units", "--state=failed", "--plain", "--no-legend", *OF_PODS)
        if failed:
            self.node.run(["systemctl", "reset-failed", *(line.split()[0] for line in failed)])

    def units(self) -> list[str]:
        """Names of the unit files that were not there before."""
        there = (path for pattern in self.paths if below(pattern, [SYSTEMD]) for path in machine_state.found(pattern))
        made = (path for path in there if not self.before.has("files", machine_state.name_of(path)))
        return sorted(path.name for path in made if path.suffix in (".service", ".timer", ".mount"))

    def stop(self, names: list[str]) -> None:
        """Stop units, and start them no more."""
        for name, unit in units.look(self.node.module.run_command, names).items():
            if unit["UnitFileState"] == "enabled":
                self.node.run(["systemctl", "disable", name])
            if unit["ActiveState"] not in ("inactive", "failed"):
                self.node.run(["systemctl", "stop", name])

    # The kernel

    def kernel(self) -> None:
        """See machine_kernel."""
        machine_kernel.clean(self.node, self.before, self.paths, self.params["address"])

    # Files

    def files(self) -> None:
        """The data volume, what roles wrote into files of others, files and folders; then who read them reads what is there now."""
        self.release()
        self.rewrite("/etc/hosts", self.without_block)
        self.rewrite("/etc/fstab", self.with_swap)
        for place in machine_state.found(f"/etc/cni/net.d/*{SET_ASIDE}"):
            if self.before.has("files", machine_state.name_of(place).removesuffix(SET_ASIDE)):
                self.node.act(f"give {place} its name back", place.rename, str(place).removesuffix(SET_ASIDE))
        paths = [*self.paths, *stamped(), *([JOURNAL] if self.before.known and not self.before.has("folders", JOURNAL) else [])]
        for path in [path for path in paths if not below(str(Path(path).parent), paths)]:
            for place in sorted(machine_state.found(path)):
                self.clear(place)
        self.prune(paths)
        self.take_over()
        self.put_back()

    def release(self) -> None:
        """Unmount the data volume, close what lies below it and open it no more; what is on it stays."""
        self.stop([name for name in self.units() if name.endswith(".mount")])
        if (ROOT / "dev" / self.params["name"]).is_dir():
            self.node.run(["vgchange", "--activate", "n", self.params["name"]])
        for line in disk_facts.lines(ROOT / "etc/crypttab"):
            if self.is_ours(line) and (ROOT / "dev/mapper" / line.split()[0]).exists():
                self.node.run(["cryptsetup", "close", line.split()[0]])
        self.rewrite("/etc/crypttab", lambda lines: [line for line in lines if not self.is_ours(line)])
        place = ROOT / self.params["storage"].lstrip("/")
        empty = place.is_dir() and not place.is_mount() and not any(place.iterdir())
        if empty and not self.before.has("folders", self.params["storage"]):
            self.node.act(f"remove {self.params['storage']}", place.rmdir)

    def is_ours(self, line: str) -> bool:
        """Whether a line of crypttab opens a disk of this platform."""
        return line.split()[2:3] == [self.params["key"]]

    def without_block(self, lines: list[str]) -> list[str]:
        """Lines of /etc/hosts without ours."""
        begin, end = (f"# {word} {self.params['name']} nodes" for word in ("BEGIN", "END"))
        if begin not in lines or end not in lines:
            return lines
        return [*lines[: lines.index(begin)], *lines[lines.index(end) + 1 :]]

    def with_swap(self, lines: list[str]) -> list[str]:
        """Lines of /etc/fstab with the swap that was there before."""
        swap = {line for line in (self.before.content("/etc/fstab") or b"").decode().splitlines() if SWAP.match(line)}
        return [line[2:] if line[2:] in swap and line.startswith("# ") and line[2:] not in lines else line for line in lines]

    def rewrite(self, path: str, change: Callable[[list[str]], list[str]]) -> None:
        """Change the lines of a file, if it is there; one that is empty then and was not there before goes."""
        place = ROOT / path.lstrip("/")
        if not place.exists():
            return
        lines = disk_facts.lines(place)
        if (new := change(lines)) == lines:
            return
        if new or self.before.has("files", path):
            self.change(path, f"write {path}", write, place, {**current(place), "content": "".join(f"{line}\n" for line in new).encode()})
        else:
            self.change(path, f"remove {path}", place.unlink)

    def clear(self, place: Path) -> None:
        """Remove what is at a place, as far as it was not there before; what was is put back as it was."""
        path = machine_state.name_of(place)
        if place.is_dir() and not place.is_symlink():
            if self.before.has("files", path) or self.before.has("folders", path) or (not self.before.known and place.is_mount()):
                for child in sorted(place.iterdir()):
                    self.clear(child)
            else:
                self.refuse_mounts(path)
                self.drop(path, shutil.rmtree, place)
        elif self.before.has("files", path):
            self.restore(path, place)
        elif self.before.known or not packaged(path):
            self.drop(path, place.unlink)

    def drop(self, path: str, function: Callable, *arguments) -> None:
        """Remove what is at a path."""
        self.change(path, f"remove {path}", function, *arguments)

    def restore(self, path: str, place: Path) -> None:
        """Give a file the content that it had."""
        content = self.before.content(path)
        if content is not None and (have := current(place))["content"] != content:
            self.change(path, f"put back {path}", write, place, {**have, "content": content})

    def refuse_mounts(self, path: str) -> None:
        """Raise Refused while something is mounted below a folder: it may be the data of somebody."""
        if not self.node.check and (mounted := [name for name, _ in machine_state.mounts() if below(name, [path])]):
            raise Refused(
                f"{path}: found {', '.join(mounted)} mounted there, wanted nothing, as it may be data. Nothing in it was removed: umount "
                "it and run it again"
            )

    def prune(self, paths: list[str]) -> None:
        """Remove folders that only held what has been removed."""
        wants = [f"{machine_state.name_of(folder)}/*" for folder in machine_state.found(f"{SYSTEMD}/*.wants")]
        folders = {str(parent) for path in [*paths, *wants] for parent in Path(path).parents if below(str(parent), BELOW)}
        for path in sorted(folders, reverse=True):
            for place in machine_state.found(path):
                there_before = self.before.has("files", path) if self.before.known else packaged(path)
                if place.is_dir() and not any(place.iterdir()) and not there_before:
                    self.drop(path, place.rmdir)

    def put_back(self) -> None:
        """Host name, units of others, swap and kernel settings as they were."""
        for name in self.before.of("hostname").keys() - machine_state.hostname().keys():
            self.node.run(["hostnamectl", "set-hostname", name])
        now = machine_state.unit_files()
        for name in self.params["units"]:
            was, verb = self.before.of("units").get(name), {"masked": "mask", "disabled": "disable"}
            if was in verb and now.get(name, was) != was:
                self.node.run(["systemctl", verb[was], "--now", name])
        if self.before.of("swap").keys() - machine_state.swap().keys():
            self.node.run(["swapon", "--all"])
        for name, value in self.before.of("settings").items():
            if machine_state.setting(name) not in (value, None):
                self.node.act(f"set {name} to {value}", (ROOT / "proc/sys" / name.replace(".", "/")).write_text, f"{value}\n")

    # The ways in

    def access(self) -> None:
        """The packet filter and the settings of the SSH server, these only when the server takes what is left."""
        self.stop(self.units())
        if self.params["table"] in machine_state.packet_filter():  # loaded by the way back, not by its unit
            self.node.run(["nft", "delete", "table", *self.params["table"].split()])
        server = next((name for name in SERVERS if output_lines("systemctl", "is-active", name)), "")
        for place in [place for path in self.paths for place in machine_state.found(path)]:
            if place.parent.name != "sshd_config.d":
                self.clear(place)
                continue
            have = current(place)
            self.change(str(place), f"remove {place}", place.unlink, reader=server)
            rc, out, err = (0, "", "") if self.node.check else self.node.module.run_command(["sshd", "-t"])
            if rc:
                write(place, have)
                raise Refused(
                    f"{place}: sshd refuses what is left without it, so it is back: found {(err or out).strip()}, wanted settings that "
                    "sshd takes: mend those in /etc/ssh and run it again"
                )
        self.prune(self.paths)
        self.take_over()

    # Data and packages

    def wipe(self) -> None:
        """Erase the data volume: of disks those that carry a layer of ours, of a directory what the platform made in it."""
        disks = [disk_facts.inspect(device) for device in self.params["devices"]]
        for disk in disks:
            if foreign := unlike(disk, self.params["name"], self.node.check):
                raise Refused(f"{disk.device}: found {foreign}, wanted the volume {self.params['name']}, unmounted; no disk was erased")
        for disk in disks:
            if disk.signatures:
                self.node.run(["wipefs", "--all", "--force", *disk_plan.erasing(disk)])
        storage = Path(self.params["storage"])
        for name in [] if disks else self.params["directories"]:
            if (place := ROOT / str(storage).lstrip("/") / name).exists():
                self.refuse_mounts(str(storage / name))
                self.drop(str(storage / name), shutil.rmtree, place)

    def packages(self) -> None:
        """Packages that came by us, with what came along, unless another one needs them now; and those that had to go for them."""
        if not self.before.known:
            return
        if any(map(UNFINISHED.match, output_lines("dpkg-query", "-W", "-f", "${db:Status-Abbrev}\n"))):
            self.node.run(["dpkg", "--configure", "--pending"], ["dpkg", "--purge", "--pending"])
        there, before = set(packages()), set(self.before.of("packages"))
        came = there - before
        if wanted := sorted(came & set(self.params["packages"])):
            if Path("/usr/bin/apt-get").exists():
                self.purge(wanted, came)
            else:
                self.node.run(["dnf", "--assumeyes", "remove", *wanted])
        if displaced := sorted((before & set(self.params["displaced"])) - there):
            self.node.run([*APT, "install", "--no-install-recommends", *displaced])

    def purge(self, wanted: list[str], came: set[str]) -> None:
        """Mark packages as ones that came along, and purge of them and of what they need whatever came and no other package needs."""
        if manual := sorted(set(wanted) & set(output_lines("apt-mark", "showmanual"))):
            self.node.run(["apt-mark", "auto", *manual])
        idle = {line.split()[1] for line in output_lines("apt-get", "--simulate", *NEEDED_ONLY, "autoremove") if line.startswith("Remv ")}
        if gone := sorted(came & closure(wanted) & (came if self.node.check else idle)):
            self.node.run([*APT, "purge", *gone])

    def end(self) -> None:
        """The note itself, with everything else that a run has noted on the machine."""
        for folder in (MARKS, machine_state.NOTE.parent):
            if folder.exists():
                self.node.act(f"remove {folder}", shutil.rmtree, folder)


def stamped() -> list[str]:
    """Paths of all that node_artifacts has put down."""
    paths = []
    for stamp in sorted(ARTIFACTS.glob("*.json")):
        with contextlib.suppress(ValueError, KeyError):
            paths += json.loads(stamp.read_text())["files"]
    return paths


def processes(shims: bool = True) -> list[int]:
    """Processes of pods: those in the kubelet's groups, and the shims that hold them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            in_a_pod = "kubepods" in (folder / "cgroup").read_text()
            if in_a_pod or (shims and (folder / "exe").readlink().name.split()[0] == SHIM):
                found.append(int(folder.name))
    return found


def end() -> None:
    """Ask all processes of pods to end, then kill them. Raises Refused for those that are still there after DYING seconds."""
    tell(processes(shims=False), signal.SIGTERM)
    deadline = time.monotonic() + ENDING
    while processes(shims=False) and time.monotonic() < deadline:
        time.sleep(0.2)
    deadline = time.monotonic() + DYING
    while pods := processes():
        if time.monotonic() > deadline:
            raise Refused(
                f"processes {', '.join(map(str, pods))}: found there {DYING} s after they were killed, wanted none: restart the machine"
            )
        tell(pods, signal.SIGKILL)
        time.sleep(0.2)


def tell(pids: list[int], what: signal.Signals) -> None:
    """Send a signal to those that are there still."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, what)


def unlike(disk: disk_plan.Disk, name: str, mounted: bool = False) -> str:
    """What about a disk forbids to erase it as our volume, which may still be mounted or not; empty for one of ours or a blank one."""
    if not disk.exists:
        return "no such disk"
    if not mounted and (use := disk.mounted or ", ".join(disk.holders)):
        return f"it in use ({use})"
    marked = disk.volume_group == name or any(signature["label"] == name for signature in disk.signatures)
    found = [" ".join(filter(None, (signature["type"], signature["label"]))) for signature in disk.signatures] + disk.partitions
    return "" if marked else " and ".join(found)


def closure(names: Iterable[str]) -> set[str]:
    """These packages and all that they need, of those that are installed."""
    rows = (line.partition("|") for line in output_lines("dpkg-query", "-W", "-f", "${Package}|${Pre-Depends}, ${Depends}\n"))
    needs = {name: re.findall(r"[a-z0-9][a-z0-9.+-]+", re.sub(r"\([^)]*\)|:\w+", "", text)) for name, _, text in rows}
    reached, left = set(), list(names)
    while left:
        if (name := left.pop()) in needs and name not in reached:
            reached.add(name)
            left += needs[name]
    return reached
