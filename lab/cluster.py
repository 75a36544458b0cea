"""The lab of one topology: its network, nodes and depot, made, stopped, broken and removed."""

from __future__ import annotations

import functools
import hashlib
import socket
import time
from pathlib import Path

from artifacts.host import remove_tree
from artifacts.store import REPOSITORY, Store
from lab import disks, host, image, machine, ssh, workload
from lab.podman import LABEL_CLONE, LABEL_SPEC, Podman
from lab.progress import console, each, step
from lab.state import LabError, Paths
from lab.topology import Node, Topology

BOOT_SECONDS = 120
STOP_SECONDS = 30
ADDRESSES = Path("/var/lib/cni/networks")  # where podman's older back end notes which addresses it gave out


class Lab:
    """One topology on this machine."""

    def __init__(self, paths: Paths, topology: Topology) -> None:
        self.paths = paths
        self.topology = topology
        self.network = f"voicehelper-{topology.name}"

    @functools.cached_property
    def podman(self) -> Podman:
        return Podman(self.paths)

    def container(self, node: str) -> str:
        """The container's name for a node (or for ``<topology>-depot``)."""
        return f"voicehelper-{node}"

    @property
    def depot(self) -> str:
        return self.container(f"{self.topology.name}-depot")

    def up(self) -> None:
        """Bring the lab to what the inventory says: make what is missing, start what has stopped, leave the rest alone."""
        step("Host", lambda: host.prepare(self.paths))
        self.refuse_others()
        ssh.ensure_key(self.paths)
        recipes = [image.depot(), *(image.node(release) for release in sorted({n.release for n in self.topology.nodes}))]
        each("Images", recipes, lambda recipe: image.ensure(self.podman, recipe))
        step("Network", self._ensure_network)
        self._remove_strays()
        for node in self.topology.nodes:
            machine.attach(self.paths, node)
        existing = self.podman.containers()

        def bring(node: Node | None) -> None:
            if node is None:
                self._ensure_depot(existing)
            else:
                self._ensure_node(node, existing)

        each("Nodes and depot", [*self.topology.nodes, None], bring)
        each("SSH answers", self.topology.nodes, self.wait_for_ssh)

    def reset(self, nodes: list[Node], *, wipe: bool) -> None:
        """Remove nodes, for ``up`` to make them again as blank machines. Their data disks stay unless ``wipe``."""
        self.refuse_others()
        each("Removing nodes", nodes, self._remove_node)
        if wipe:
            for node in nodes:
                self._remove_disks(node.name)
        if len(nodes) == len(self.topology.nodes):
            self._forget_cluster()

    def reboot(self, nodes: list[Node], *, wait: bool) -> None:
        """Restart nodes in good order until SSH answers again and, with ``wait``, all that the cluster runs on them is ready."""
        self.refuse_others()
        since = workload.now()
        for node in nodes:
            machine.attach(self.paths, node)
        each("Rebooting", nodes, lambda node: self.podman("restart", f"--time={STOP_SECONDS}", self.container(node.name)))
        each("SSH answers", nodes, self.wait_for_ssh)
        if wait and workload.kubeconfig(self.topology.inventory).exists():
            each("Pods are ready", nodes, lambda node: workload.wait(self.topology.inventory, node.name, since))

    def kill(self, node: Node) -> None:
        """End a node as a power cut would: nothing inside it gets to know."""
        self.refuse_others()
        self.podman("kill", "--signal=KILL", self.container(node.name))

    def start(self, node: Node) -> None:
        """Start a node that was killed or stopped."""
        self.refuse_others()
        machine.attach(self.paths, node)
        self.podman("start", self.container(node.name))
        self.wait_for_ssh(node)

    def down(self, *, purge: bool, force: bool) -> None:
        """Remove everything of this lab; with ``purge`` and no other lab left, also the images and the SSH key."""
        if not force:
            self.refuse_others()
        names = list(self.podman.containers())
        each("Removing containers", names, lambda name: self.podman("rm", "--force", "--time=0", "--volumes", name))
        if self.podman.network(self.network):
            self.podman("network", "rm", self.network)
        remove_tree(ADDRESSES / self.network)
        disks.detach(self.paths.lab)
        ssh.forget(self.paths, self.topology.network)
        self._forget_cluster()
        remove_tree(self.paths.lab)
        if purge and not any((folder / "nodes").exists() for folder in self.paths.root.iterdir()):
            image.remove_all(self.podman)
            remove_tree(self.paths.ssh)

    def refuse_others(self) -> None:
        """Raise LabError when a lab of this topology exists but another clone made it."""
        network = self.podman.network(self.network)
        if not network:
            return
        owner = (network.get("labels") or {}).get(LABEL_CLONE)
        if owner != str(REPOSITORY):
            raise LabError(
                f"the lab {self.topology.name} was made by the clone {owner or '(unknown)'}; remove it there with "
                f"`lab down --topology {self.topology.name}`, or here by adding --force"
            )

    def wait_for_ssh(self, node: Node) -> None:
        """Return once the node's SSH server greets. Raises LabError after BOOT_SECONDS."""
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            try:
                with socket.create_connection((node.address, 22), timeout=2) as connection:
                    if connection.recv(4) == b"SSH-":
                        return
            except OSError:
                pass
            time.sleep(0.1)
        raise LabError(f"{node.name} ({node.address}) does not answer by SSH; see `podman logs {self.container(node.name)}`")

    def _ensure_network(self) -> None:
        if self.podman.network(self.network):
            return
        subnet = self.topology.network
        where = [f"--subnet={subnet}", f"--gateway={subnet[1]}", "--disable-dns"]
        self.podman("network", "create", *self.podman.labels, *where, self.network)

    def _remove_strays(self) -> None:
        """Nodes that the inventory no longer has go, with their disks. Raises LabError where the cluster still has one."""
        wanted = {self.depot, *(self.container(node.name) for node in self.topology.nodes)}
        strays = {name.removeprefix("voicehelper-") for name in self.podman.containers() if name not in wanted}
        if still := sorted(strays and strays & workload.members(self.topology.inventory)):
            raise LabError(
                f"{', '.join(still)}: found in the cluster, and no longer in the inventory; let it leave first with "
                f"`lab run playbooks/scale.yml -e remove={still[0]}`, which moves what it holds"
            )
        for node in strays:
            self.podman("rm", "--force", "--time=0", "--volumes", self.container(node))
            self._remove_disks(node)
            remove_tree(self.paths.node(node))

    def _ensure_node(self, node: Node, existing: dict[str, dict]) -> None:
        name = self.container(node.name)
        ready = self.paths.node(node.name) / "ready"
        tag = image.node(node.release).tag
        options = [*self.podman.labels, *machine.options(self.paths, node, self.network)]
        spec = _hash([*options, *node.disks])
        if name in existing:
            if existing[name]["Labels"].get(LABEL_SPEC) != spec:
                raise LabError(f"{node.name}: its address or disks are not what they were; `lab reset {node.name}` remakes it")
            if existing[name]["Image"] != tag:
                console.print(f"{node.name} was made from an older image; `lab reset {node.name}` remakes it")
            if existing[name]["State"] == "running":
                return
            if ready.exists():
                self.podman("start", name)
                return
            self.podman("rm", "--force", "--time=0", name)  # an interrupted `up` left it half made
        machine.prepare(self.paths, node)
        ready.unlink(missing_ok=True)
        self.podman("create", f"--name={name}", f"--label={LABEL_SPEC}={spec}", *options, tag)
        with self.podman.root_of(name) as root:
            machine.furnish(self.paths, node, root)
        ready.touch()
        self.podman("start", name)

    def _ensure_depot(self, existing: dict[str, dict]) -> None:
        store = Store.default()
        for folder in (store.files, store.registry):
            folder.mkdir(parents=True, exist_ok=True)
        command = [
            *(*self.podman.labels, "--restart=always", "--hostname=depot"),
            f"--network={self.network}:ip={self.topology.depot_address},mac={machine.mac(self.topology.depot_address)}",
            f"--volume={store.root}:/store:ro",
            image.depot().tag,
        ]
        spec = _hash(command)
        if self.depot in existing:
            if existing[self.depot]["Labels"].get(LABEL_SPEC) == spec:
                if existing[self.depot]["State"] != "running":
                    self.podman("start", self.depot)
                return
            self.podman("rm", "--force", "--time=0", self.depot)
        self.podman("run", "--detach", f"--name={self.depot}", f"--label={LABEL_SPEC}={spec}", *command)

    def _remove_node(self, node: Node) -> None:
        self.podman("rm", "--force", "--time=0", "--volumes", "--ignore", self.container(node.name))
        remove_tree(self.paths.node(node.name))

    def _remove_disks(self, node: str) -> None:
        disks.detach(self.paths.disks(node))
        remove_tree(self.paths.disks(node))

    def _forget_cluster(self) -> None:
        """The cluster is gone: so is the kubeconfig that leads to it. The site's secrets stay."""
        workload.kubeconfig(self.topology.inventory).unlink(missing_ok=True)


def _hash(command: list[str]) -> str:
    return hashlib.sha256(repr(command).encode()).hexdigest()
