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
from bootstrap.nodes.cluster import Cluster, Node

LITTLE_ROOM = 0.15  # share of a data volume that is left when it needs doing
WIDTH = 132
_GOOD, _BAD, _SOON, _DIM = "green", "bold red", "yellow", "dim"
# By the label that an operation leaves on a node: what has happened to it, and what goes on with it.
_UNDER_WAY = {
    "": ("cordoned", "playbooks/uncordon.yml -e node={node}"),
    "drain": ("drained", "playbooks/uncordon.yml -e node={node}"),
    "reboot": ("its restart is not over", "playbooks/reboot.yml -e node={node}"),
    "replace": ("it is being made anew", "playbooks/reprovision.yml -e node={node} -e data=keep"),
    "wipe": ("it is being made anew", "playbooks/reprovision.yml -e node={node} -e data=wipe"),
    "return-keep": ("it is being made anew", "playbooks/reprovision.yml -e node={node} -e data=keep"),
    "return-wipe": ("it is being made anew", "playbooks/reprovision.yml -e node={node} -e data=wipe"),
    "remove": ("it is being removed", "playbooks/scale.yml -e remove={node}"),
}


@dataclass(frozen=True)
class Backup:
    """The ages in hours of a system's last backup, of the last restore that was compared, None where there was none, and of the job."""

    system: str
    hours: float | None
    restored_hours: float | None
    schedule: str = ""
    job_hours: float = 0.0

    @property
    def late(self) -> bool:
        """Whether a run of the schedule was missed."""
        return self.hours is None or self.hours > self._limit

    @property
    def alarming(self) -> bool:
        """Whether it is late and not merely new."""
        return (self.job_hours if self.hours is None else self.hours) > self._limit

    @property
    def _limit(self) -> int:
        return 2 if self.schedule.endswith("* * * *") else 26


@dataclass(frozen=True)
class Room:
    """What is left on a node: bytes of its fullest volume, and shares of processor and memory that pods have not asked for."""

    node: str
    volume_free: int
    volume_size: int
    cpu_free: float
    memory_free: float

    @property
    def full(self) -> bool:
        """Whether the volume is nearly full."""
        return bool(self.volume_size) and self.volume_free < LITTLE_ROOM * self.volume_size


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
        found = [*self._nodes(), *self._etcd(), *self._systems(), *self._room(), *self._backups(), *self._ending(), *self._later()]
        return sorted(found, key=lambda task: not task.now)

    def _nodes(self) -> Iterator[Task]:
        for node in self.cluster.nodes.values():
            if node.ready:
                continue
            what, who = self._under_way(node)
            if node.name not in self.inventory:
                yield Task(node.name, "not Ready, and not in the inventory", f"playbooks/scale.yml -e remove={node.name}")
            elif "reprovision" in who:
                yield Task(node.name, f"not Ready: {what}", who)
            else:
                yield Task(node.name, "not Ready", "look at the machine: journalctl -u kubelet, or bring it back")
        for name in self.inventory:
            if name not in self.cluster.nodes:
                yield Task(name, "not in the cluster", "playbooks/scale.yml brings it in")

    def _under_way(self, node: Node) -> tuple[str, str]:
        """Which operation has a node in hand, and what goes on with it."""
        what, who = _UNDER_WAY.get(node.labels.get(f"{self.domain}/maintenance", ""), _UNDER_WAY[""])
        return what, who.format(node=node.name)

    def _etcd(self) -> Iterator[Task]:
        if not self.cluster.etcd.members:
            yield Task("etcd", self.cluster.etcd.why, "look at the control planes")
        for name, answers in self.cluster.etcd.members.items():
            if not answers:
                yield Task(f"etcd {name}", "does not answer", "crictl ps -a --name etcd on that node")

    def _systems(self) -> Iterator[Task]:
        for system in self.cluster.systems:
            if not system.whole:
                yield Task(system.name, system.why, f"docs/how-to/operate-{system.name.replace('_', '-')}.md")

    def _room(self) -> Iterator[Task]:
        for room in self.rooms:
            if room.full:
                left = f"{room.volume_free / room.volume_size:.0%} of a volume left"
                yield Task(room.node, left, "docs/how-to/grow-a-size-class.md")

    def _backups(self) -> Iterator[Task]:
        for backup in self.backups:
            if backup.late:
                past = "there is none yet" if backup.hours is None else f"the last is {backup.hours:.0f} h old"
                yield Task(f"backup of {backup.system}", past, f"playbooks/backup.yml -t {backup.system}", now=backup.alarming)

    def _ending(self) -> Iterator[Task]:
        for finding in self.certificates:
            if finding["result"] != "ok":
                yield Task(f"{finding['check']}: {finding['target']}", finding["detail"], "site.yml renews")

    def _later(self) -> Iterator[Task]:
        for node in filter(lambda node: node.ready, self.cluster.nodes.values()):
            if node.cordoned:
                what, who = self._under_way(node)
                yield Task(node.name, f"takes no pods: {what}", who, now=False)
            elif node.name not in self.inventory:
                yield Task(node.name, "not in the inventory", f"playbooks/scale.yml -e remove={node.name}", now=False)
            if node.version != f"v{self.version}":
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
        """All of it as a terminal shows it; what needs doing comes last, where the eye is when the run has ended."""
        return Group(self._node_table(), "", self._system_table(), "", self._certificate_table(), "", *self._todo())

    def _node_table(self) -> Table:
        etcd, rooms = self.cluster.etcd, {room.node: room for room in self.rooms}
        table = _table("node", "role", "state", "kubelet", "etcd", right=("pods", "processor free", "memory free", "data free"))
        for name in sorted(self.cluster.nodes):
            node, room = self.cluster.nodes[name], rooms.get(name)
            state = Text("Ready", style=_GOOD) if node.ready else Text("not Ready", style=_BAD)
            if node.cordoned:
                state.append(", cordoned", style=_SOON)
            member = ""
            if name in etcd.members:
                member = ("leader" if name == etcd.leader else "member") if etcd.members[name] else "silent"
                member += f", {_bytes(etcd.size)}" if name == etcd.leader else ""
            data = Text(_bytes(room.volume_free), style=_BAD if room.full else "") if room else "?"
            free = (f"{room.cpu_free:.0%}", f"{room.memory_free:.0%}", data) if room else ("?", "?", data)
            role = "control plane" if node.control_plane else "worker"
            version = Text(node.version, style="" if node.version == f"v{self.version}" else _SOON)
            member = Text(member, style=_BAD if member == "silent" else "")
            table.add_row(name, role, state, version, member, str(len(self.cluster.pods.get(name, []))), *free)
        return table

    def _system_table(self) -> Table:
        backups = {backup.system: backup for backup in self.backups}
        table = _table("system", "state", "members", "leads", right=("backup", "restored"))
        for system in self.cluster.systems:
            backup = backups.get(system.name)
            state = Text("whole", style=_GOOD) if system.whole else Text("not whole", style=_BAD)
            placed = sum(bool(node) for node in system.members.values())
            members = str(placed) if placed == len(system.members) else Text(f"{placed} of {len(system.members)}", style=_BAD)
            ages: list[Text | str] = ["", ""]
            if backup:
                late = "" if not backup.late else _BAD if backup.alarming else _SOON
                ages = [Text(_age(backup.hours), style=late), _age(backup.restored_hours)]
            table.add_row(system.name, state, members, ", ".join(system.leaders), *ages)
        return table

    def _certificate_table(self) -> Table:
        table = _table("certificates", "first end")
        for finding in self.certificates:
            table.add_row(finding["target"], Text(finding["detail"], style="" if finding["result"] == "ok" else _BAD))
        return table

    def _todo(self) -> Iterator[Text | Table]:
        tasks = self.tasks()
        now = sum(task.now for task in tasks)
        counts = [Text(f"{now} to do now", style=_BAD)] * bool(now) + [Text(f"{len(tasks) - now} to do later", style=_SOON)] * (
            now < len(tasks)
        )
        yield Text(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC: ") + (
            Text(", ").join(counts) if tasks else Text("nothing needs doing", style=_GOOD)
        )
        if tasks:
            table = _table("about", "found", "do")
            table.columns[-1].no_wrap = True  # to be copied
            for task in tasks:
                table.add_row(Text(task.about, style=_BAD if task.now else _SOON), task.found, task.remedy)
            yield table


def _table(*left: str, right: Sequence[str] = ()) -> Table:
    """A table without lines, whose last columns, `right`, are numbers."""
    table = Table(box=None, pad_edge=False, header_style=_DIM, padding=(0, 2, 0, 0))
    for heading in (*left, *right):
        table.add_column(heading, overflow="fold", justify="right" if heading in right else "left")
    return table


def text(status: Status, colour: bool) -> str:
    """The screen as text."""
    console = Console(file=StringIO(), width=WIDTH, force_terminal=colour, highlight=False, markup=False, emoji=False)
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
            system = system.replace("-", "_")  # an object's name has no other way to say it
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
