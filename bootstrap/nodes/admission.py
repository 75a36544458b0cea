"""Whether the cluster can do without a node just now. Everything that an operation would lose is told before anything is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from bootstrap.nodes.cluster import Cluster, System
from bootstrap.validators.findings import Finding

_PAUSE = 3  # seconds between two looks


@dataclass(frozen=True)
class Operation:
    """What an operation takes from the cluster.

    `stops`: the machine stops; `leaves`: it is a member no more, of etcd neither; `keeps`: its data is there afterwards; `lasting`: it is
    away until somebody brings it back.
    """

    name: str
    stops: bool
    leaves: bool
    keeps: bool
    lasting: bool


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation("drain", stops=False, leaves=False, keeps=True, lasting=True),
        Operation("reboot", stops=True, leaves=False, keeps=True, lasting=False),
        Operation("replace", stops=True, leaves=True, keeps=True, lasting=False),
        Operation("wipe", stops=True, leaves=True, keeps=False, lasting=False),
        Operation("remove", stops=True, leaves=True, keeps=False, lasting=True),
    )
}


@dataclass(frozen=True)
class Request:
    """An operation on nodes; `accepted` are names of systems, claims and other nodes whose absence or loss the operator has accepted."""

    operation: Operation
    nodes: Sequence[str]
    inventory: Collection[str]
    accepted: Collection[str] = ()


def decide(request: Request, look: Callable[[], Cluster], seconds: float, say: Callable[[str], object]) -> tuple[Cluster, list[Finding]]:
    """The cluster, and what speaks against an operation once nothing passing does.

    That a copy is a moment behind, or an answer late, is a busy cluster's daily life: while something is fatal and anybody is not whole, it
    is looked at again.

    :param seconds: for how long.
    :param say: hears who is waited for, and why.
    """
    deadline = time.monotonic() + seconds
    while True:
        cluster = look()
        findings = judge(request, cluster)
        unsettled = cluster.unsettled if any(finding.fatal for finding in findings) else {}
        if not unsettled or time.monotonic() >= deadline:
            return cluster, findings
        say(f"looked at again: {'; '.join(f'{name}: {why}' for name, why in unsettled.items())}")
        time.sleep(_PAUSE)


def judge(request: Request, cluster: Cluster) -> list[Finding]:
    """What speaks against it; findings that are not fatal are for the operator to know."""
    if unknown := list(_known(request, cluster)):
        return unknown
    return [finding for rule in RULES for finding in rule(request, cluster)]


def _known(request: Request, cluster: Cluster) -> Iterator[Finding]:
    if not request.nodes:
        yield Finding("site", "node", "nothing", "the name of a node", f"Say -e node= and one of {', '.join(sorted(cluster.nodes))}")
    for name in request.nodes:
        if name not in cluster.nodes:
            wanted = f"a node of the cluster: {', '.join(sorted(cluster.nodes))}"
            remedy = "site.yml brings it in" if name in request.inventory else "It is not in the inventory either: a typing error?"
            yield Finding(name, "node", "a name that is not in the cluster", wanted, remedy)


def _one_at_a_time(request: Request, cluster: Cluster) -> Iterator[Finding]:
    if len(request.nodes) > 1:
        found = f"{len(request.nodes)} nodes at once"
        yield Finding("site", "node", found, "one node", "One after the other, each when everything is whole again")


def _others_serve(request: Request, cluster: Cluster) -> Iterator[Finding]:
    """No second node is away meanwhile."""
    for node in cluster.nodes.values():
        if node.name in request.nodes:
            continue
        if not node.ready and node.name not in request.accepted:
            wanted = f"every other node Ready before {', '.join(request.nodes)} goes"
            remedy = f"Bring it back first, or operate on it, or say -e accept={node.name} where that is for later"
            yield Finding(node.name, "node", "not Ready", wanted, remedy)
        elif node.cordoned:
            wanted = f"no other node out of service before {', '.join(request.nodes)} goes"
            yield Finding(node.name, "node", "cordoned", wanted, f"playbooks/uncordon.yml -e node={node.name}")


def _control_plane_stays(request: Request, cluster: Cluster) -> Iterator[Finding]:
    planes = [node.name for node in cluster.nodes.values() if node.control_plane]
    for name in request.nodes:
        if planes != [name]:
            continue
        if request.operation.leaves:
            remedy = "Add two control planes first (scale.yml); one that is lost comes back from etcd's snapshot"
            yield Finding(name, "control plane", "the only one", "another one that keeps the cluster", remedy)
        elif request.operation.stops:
            yield Finding(name, "control plane", "the only one", "nothing: the API is away until it is back", fatal=False)


def _etcd_keeps_its_quorum(request: Request, cluster: Cluster) -> Iterator[Finding]:
    operation, etcd = request.operation, cluster.etcd
    lost = [name for name in request.nodes if name in etcd.members or cluster.nodes[name].control_plane]
    if not (operation.stops and lost):
        return
    if not etcd.members:
        yield Finding(lost[0], "etcd", f"no answer: {etcd.why}", "its members' word before one of them goes")
        return
    if len(etcd.members) == 1:
        return  # said of the control plane
    left = [name for name, answers in etcd.members.items() if answers and name not in lost]
    size = len(etcd.members) - (len([name for name in lost if name in etcd.members]) if operation.leaves else 0)
    if len(left) < size // 2 + 1:
        silent = ", ".join(name for name, answers in etcd.members.items() if not answers and name not in lost)
        found = f"{len(left)} of {size} members left, {silent} does not answer"
        yield Finding(lost[0], "etcd", found, f"{size // 2 + 1} that answer", "Bring the silent one back first, or operate on it")


def _systems_carry_it(request: Request, cluster: Cluster) -> Iterator[Finding]:
    for system in cluster.systems:
        for node in request.nodes:
            if members := system.on([node]):
                yield from _system(request, system, node, members)


def _system(request: Request, system: System, node: str, members: Sequence[str]) -> Iterator[Finding]:
    operation, accepted = request.operation, system.name in request.accepted
    given_up = accepted and set(system.members) == set(members)  # it has no other: without them it says nothing any more
    for reason in system.held:
        waiting = f"Wait until it is whole (playbooks/status.yml): {system.why}. " if system.why else ""
        wanted = f"one that does without {', '.join(members)}"
        if reason in system.losing and not operation.keeps and not given_up:
            yield Finding(
                node, system.name, reason, wanted, waiting or "It would lose data: move one of its members first, or keep the disk"
            )
        elif not accepted:
            remedy = f"{waiting}-e accept={system.name} if it may stop until the node is back"
            yield Finding(node, system.name, reason, wanted, remedy)
        else:
            yield Finding(node, system.name, reason, "nothing: it is accepted that it stops meanwhile", fatal=False)
    if not system.alone or accepted:
        return
    alone = ", ".join(system.alone)
    if not operation.keeps:
        remedy = f"Back it up (playbooks/backup.yml -t {system.name}), say -e accept={system.name}, and restore it afterwards"
        yield Finding(node, system.name, f"{alone} has the only copy of its data", "another copy", remedy)
    elif operation.lasting:
        remedy = f"-e accept={system.name} if it may be away until the node is back"
        yield Finding(node, system.name, f"{alone} serves alone", "another member that serves meanwhile", remedy)
    else:
        yield Finding(node, system.name, f"{alone} serves alone", "nothing: it is away until the node is back", fatal=False)


def _volumes_have_another_copy(request: Request, cluster: Cluster) -> Iterator[Finding]:
    """Data that no system copies: claims of other pods on this machine's disks."""
    if request.operation.keeps:
        return
    copied = {pod for system in cluster.systems for pod in system.members}
    for volume in cluster.volumes:
        name = volume.claim.partition("/")[2]
        if (
            volume.claim
            and volume.node in request.nodes
            and not any(name.endswith(f"-{pod}") for pod in copied)
            and volume.claim not in request.accepted
        ):
            remedy = f"Save what is in it, then say -e accept={volume.claim}"
            yield Finding(volume.node, "volume", f"{volume.claim} has its only copy here", "another copy", remedy)


def _members_find_room(request: Request, cluster: Cluster) -> Iterator[Finding]:
    """Members that have to move have nodes to move to: no two of a system on one."""
    if not request.operation.leaves or not request.operation.lasting:
        return
    left = [node.name for node in cluster.nodes.values() if node.workloads and node.name not in request.nodes]
    for system in cluster.systems:
        members = system.on(request.nodes)
        if members and len(system.members) > len(left) and system.name not in request.accepted:
            found = f"{len(system.members)} members, and {len(left)} nodes for them without {', '.join(request.nodes)}"
            remedy = f"Add a node first (scale.yml), or say -e accept={system.name} if two of its members may share one"
            yield Finding(request.nodes[0], system.name, found, "a node for each member", remedy)


RULES: Sequence[Callable[[Request, Cluster], Iterator[Finding]]] = (
    _one_at_a_time,
    _others_serve,
    _control_plane_stays,
    _etcd_keeps_its_quorum,
    _systems_carry_it,
    _volumes_have_another_copy,
    _members_find_room,
)
