"""One screen about a cluster: what there is, how it is, and what needs doing, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from bootstrap.kube.quantity import in_bytes, in_cores
from bootstrap.nodes.cluster import Cluster

LITTLE_ROOM = 0.15  # share of a data volume that is left when it needs doing
WIDTH = 132
_GOOD, _BAD, _DIM = "green", "bold red", "dim"


@dataclass(frozen=True)
class Backup:
    """The ages in hours of a system's last backup, of the last restore that was compared, None where there was none, and of the job."""

    system: str
    hours: float | None
    restored_hours: float | None
    schedule: str = ""
    job_hours: float = 0.0


@dataclass(frozen=True)
class Room:
    """What is left on a node: bytes of its fullest volume, and shares of processor and memory that pods have not asked for."""

    node: str
    volume_free: int
    volume_size: int
    cpu_free: float
    memory_free: float


@dataclass(frozen=True)
class Task:
    """Something that needs doing: what is wrong, and what to do. `now`: a monitoring check should know."""

    about: str
    found: str
    remedy: str
    now: bool = True


@dataclass(frozen=True)
class Status:
    """Everything that the screen shows."""

    cluster: Cluster
    backups: Sequence[Backup]
    rooms: Sequence[Room]
    certificates: Sequence[Mapping[str, Any]]  # findings of the checks certificates and rotation
    version: str  # of Kubernetes that the site wants
    inventory: Sequence[str]
    domain: str

    def tasks(self) -> list[Task]:
        """What needs doing, what is worst first."""
        return [*self._nodes(), *self._etcd(), *self._systems(), *self._room(), *self._backups(), *self._ending(), *self._later()]

    def _nodes(self) -> Iterator[Task]:
        for node in self.cluster.nodes.values():
            if not node.ready:
                yield Task(node.name, "not Ready", "look at the machine: journalctl -u kubelet, or bring it back")
        for name in self.inventory:
            if name not in self.cluster.nodes:
                yield Task(name, "not in the cluster", "site.yml brings it in")

    def _etcd(self) -> Iterator[Task]:
        if not self.cluster.etcd.members:
            yield Task("etcd", self.cluster.etcd.why, "look at the control planes")
        for name, answers in self.cluster.etcd.members.items():
            if not answers:
                yield Task(f"etcd {name}", "does not answer", "crictl ps -a --name etcd on that node")

    def _systems(self) -> Iterator[Task]:
        for system in self.cluster.systems:
            if not system.whole:
                yield Task(system.name, system.why, f"docs/how-to/operate-{system.name}.md")

    def _room(self) -> Iterator[Task]:
        for room in self.rooms:
            if room.volume_size and room.volume_free < LITTLE_ROOM * room.volume_size:
                left = f"{room.volume_free / room.volume_size:.0%} of a volume left"
                yield Task(room.node, left, "docs/how-to/grow-a-size-class.md")

    def _backups(self) -> Iterator[Task]:
        for backup in self.backups:
            limit = 2 if backup.schedule.endswith("* * * *") else 26
            if backup.hours is None or backup.hours > limit:
                past = "there is none yet" if backup.hours is None else f"the last is {backup.hours:.0f} h old"
                late = (backup.job_hours if backup.hours is None else backup.hours) > limit
                yield Task(f"backup of {backup.system}", past, f"playbooks/backup.yml -t {backup.system}", now=late)

    def _ending(self) -> Iterator[Task]:
        for finding in self.certificates:
            if finding["result"] != "ok":
                yield Task(f"{finding['check']}: {finding['target']}", finding["detail"], "site.yml renews")

    def _later(self) -> Iterator[Task]:
        for node in self.cluster.nodes.values():
            if node.cordoned:
                by = node.labels.get(f"{self.domain}/maintenance")
                yield Task(
                    node.name, f"takes no pods{f' since its {by}' if by else ''}", f"playbooks/uncordon.yml -e node={node.name}", now=False
                )
            if node.ready and node.version != f"v{self.version}":
                yield Task(node.name, f"kubelet {node.version}", f"v{self.version}: site.yml -e confirm=upgrade", now=False)
        never = [backup.system for backup in self.backups if backup.restored_hours is None]
        if never:
            yield Task("backups", f"never restored and compared from here: {', '.join(never)}", "playbooks/restore.yml", now=False)

    def document(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        tasks = self.tasks()
        return {
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "ok": not any(task.now for task in tasks),
            "tasks": [asdict(task) for task in tasks],
            "nodes": [asdict(node) for node in self.cluster.nodes.values()],
            "etcd": asdict(self.cluster.etcd),
            "systems": [asdict(system) for system in self.cluster.systems],
            "backups": [asdict(backup) for backup in self.backups],
            "rooms": [asdict(room) for room in self.rooms],
            "certificates": list(self.certificates),
        }

    def screen(self) -> Group:
        """All of it as a terminal shows it."""
        tasks = self.tasks()
        head = Text("Nothing needs doing", style=_GOOD) if not tasks else Text(f"{len(tasks)} to do, in this order", style=_BAD)
        parts: list[Any] = [self._node_table(), self._system_table(), self._certificate_table(), head]
        if tasks:
            todo = _table("", "about", "found", "do")
            for number, task in enumerate(tasks, 1):
                todo.add_row(str(number), task.about, task.found, task.remedy)
            parts.append(todo)
        return Group(*parts)

    def _node_table(self) -> Table:
        etcd, rooms = self.cluster.etcd, {room.node: room for room in self.rooms}
        table = _table("node", "role", "state", "kubelet", "etcd", "pods", "processor free", "memory free", "data free")
        for name in sorted(self.cluster.nodes):
            node, room = self.cluster.nodes[name], rooms.get(name)
            state = Text("Ready", style=_GOOD) if node.ready else Text("not Ready", style=_BAD)
            if node.cordoned:
                state = Text("cordoned", style="yellow")
            member = ""
            if name in etcd.members:
                member = ("leader" if name == etcd.leader else "member") if etcd.members[name] else "silent"
                member += f", {_bytes(etcd.size)}" if name == etcd.leader else ""
            free = (f"{room.cpu_free:.0%}", f"{room.memory_free:.0%}", _bytes(room.volume_free)) if room else ("?", "?", "?")
            role = "control plane" if node.control_plane else "worker"
            table.add_row(name, role, state, node.version, member, str(len(self.cluster.pods.get(name, []))), *free)
        return table

    def _system_table(self) -> Table:
        backups = {backup.system: backup for backup in self.backups}
        table = _table("system", "members", "leads", "state", "backup", "restored")
        for system in self.cluster.systems:
            backup = backups.get(system.name)
            state = Text("whole", style=_GOOD) if system.whole else Text(system.why, style=_BAD)
            placed = sum(bool(node) for node in system.members.values())
            ages = (_age(backup.hours), _age(backup.restored_hours)) if backup else ("", "")
            table.add_row(system.name, str(placed), ", ".join(system.leaders), state, *ages)
        return table

    def _certificate_table(self) -> Table:
        table = _table("certificates", "first end")
        for finding in self.certificates:
            table.add_row(finding["target"], Text(finding["detail"], style="" if finding["result"] == "ok" else _BAD))
        return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style=_DIM, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def text(status: Status, colour: bool) -> str:
    """The screen as text."""
    console = Console(file=StringIO(), width=WIDTH, force_terminal=colour, highlight=False)
    console.print(status.screen())
    return console.file.getvalue()


def _age(hours: float | None) -> str:
    if hours is None:
        return "never"
    return f"{hours * 60:.0f} min ago" if hours < 2 else f"{hours:.0f} h ago" if hours < 72 else f"{hours / 24:.0f} days ago"


def _bytes(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def backups(jobs: Iterable[Mapping[str, Any]], restored: Mapping[str, Any], now: datetime) -> list[Backup]:
    """From CronJobs named <system>-backup, and the report of the last restore."""
    proven = {finding["check"] for finding in restored.get("findings", []) if finding["result"] == "ok"}
    proven -= {finding["check"] for finding in restored.get("findings", []) if finding["result"] != "ok"}
    age = _hours(now - datetime.fromisoformat(restored["time"])) if restored.get("time") else None
    found = []
    for job in jobs:
        system, is_backup, _ = job["metadata"]["name"].partition("-backup")
        if is_backup:
            last = job.get("status", {}).get("lastSuccessfulTime")
            hours = _hours(now - datetime.fromisoformat(last)) if last else None
            job_hours = _hours(now - datetime.fromisoformat(job["metadata"]["creationTimestamp"]))
            found.append(Backup(system, hours, age if system in proven else None, job["spec"]["schedule"], job_hours))
    return sorted(found, key=lambda backup: backup.system)


def _hours(time: timedelta) -> float:
    return round(time / timedelta(hours=1), 2)


def room(node: Mapping[str, Any], summary: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> Room:
    """What is left on a node.

    :param summary: of its kubelet, /stats/summary.
    :param pods: those that are on it.
    """
    volumes = [volume for pod in summary.get("pods", []) for volume in pod.get("volume", []) if volume.get("pvcRef")]
    sizes = [(volume.get("availableBytes", 0), volume["capacityBytes"]) for volume in volumes if volume.get("capacityBytes")]
    free, size = min(sizes, key=lambda pair: pair[0] / pair[1], default=(0, 0))
    requests = [container.get("resources", {}).get("requests", {}) for pod in pods for container in pod["spec"]["containers"]]
    there = node["status"]["allocatable"]
    cpu = 1 - sum(in_cores(one.get("cpu", 0)) for one in requests) / in_cores(there["cpu"])
    memory = 1 - sum(in_bytes(one.get("memory", 0)) for one in requests) / in_bytes(there["memory"])
    return Room(node["metadata"]["name"], free, size, cpu, memory)
