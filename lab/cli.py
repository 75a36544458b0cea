"""``lab``: the nodes of an inventory on this machine."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from artifacts.store import REPOSITORY
from lab import ssh, surroundings, topology, workload
from lab.cluster import Lab
from lab.progress import console
from lab.state import LabError, Paths

commands = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

TopologyOption = Annotated[
    str, typer.Option("--topology", "-t", envvar="TOPOLOGY", help="The inventory to build: lab, minimal, recommended, prod.")
]
NodesArgument = Annotated[list[str] | None, typer.Argument(help="Node names; the site's prefix may be left out. None: all.")]
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}


def _open(name: str, extra: dict[str, int | None] | None = None) -> Lab:
    paths = Paths.of(name)
    return Lab(paths, topology.load(paths, extra))


@commands.command()
def up(
    name: TopologyOption = topology.OWN,
    extra_workers: Annotated[
        int | None, typer.Option(min=0, help="Workers beyond those of the inventory; kept until set otherwise.")
    ] = None,
    extra_control_planes: Annotated[int | None, typer.Option(min=0, help="The same of control planes.")] = None,
) -> None:
    """Make the lab, or what is missing of it, and start what has stopped."""
    lab = _open(name, {"workers": extra_workers, "control_plane": extra_control_planes})
    with lab.paths.locked():
        lab.up()
    console.print(_table(lab))
    console.print(f"Inventory: {lab.topology.inventory}")


@commands.command()
def down(
    name: TopologyOption = topology.OWN,
    purge: Annotated[bool, typer.Option("--purge", help="Also the images and the SSH key, if this was the last lab.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Even if another clone made it.")] = False,
) -> None:
    """Remove the lab wholly: containers, network, disks, state."""
    lab = _open(name)
    with lab.paths.locked():
        lab.down(purge=purge, force=force)


@commands.command()
def status(name: TopologyOption = topology.OWN) -> None:
    """Show every node of the lab."""
    console.print(_table(_open(name)))


@commands.command()
def reset(
    nodes: NodesArgument = None,
    name: TopologyOption = topology.OWN,
    wipe: Annotated[bool, typer.Option("--wipe", help="Also make the data disks new.")] = False,
) -> None:
    """Make nodes blank again; their data disks stay."""
    lab = _open(name)
    with lab.paths.locked():
        lab.reset(_nodes(lab, nodes), wipe=wipe)
        lab.up()
    console.print(_table(lab))


@commands.command()
def reboot(
    nodes: NodesArgument = None,
    name: TopologyOption = topology.OWN,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return when SSH answers, though pods are not ready yet.")] = False,
) -> None:
    """Restart nodes in good order and wait until all pods on them are ready again."""
    lab = _open(name)
    with lab.paths.locked():
        lab.reboot(_nodes(lab, nodes), wait=not no_wait)


@commands.command()
def kill(node: str, name: TopologyOption = topology.OWN) -> None:
    """Cut a node's power."""
    lab = _open(name)
    lab.kill(lab.topology.node(node))


@commands.command()
def start(node: str, name: TopologyOption = topology.OWN) -> None:
    """Switch a killed node on again."""
    lab = _open(name)
    lab.start(lab.topology.node(node))


@commands.command("ssh", context_settings=PASS_ON)
def ssh_(context: typer.Context, node: str, name: TopologyOption = topology.OWN) -> None:
    """Open a shell on a node, or run a command there."""
    lab = _open(name)
    _become(ssh.command(lab.paths, lab.topology.node(node).address, *context.args))


@commands.command(context_settings=PASS_ON)
def kubectl(context: typer.Context, name: TopologyOption = topology.OWN) -> None:
    """Run kubectl against the lab's cluster."""
    _become([*workload.kubectl(_open(name).topology.inventory), *context.args])


@commands.command()
def inventory(name: TopologyOption = topology.OWN) -> None:
    """Print the path of the inventory that ansible-playbook takes with -i."""
    print(_shown(_open(name).topology.inventory))


@commands.command()
def systems(
    name: TopologyOption = topology.OWN,
    mode: Annotated[str, typer.Option(help="In this mode instead of the inventory's.")] = "",
) -> None:
    """Print the systems that the inventory deploys, as `artifacts prepare --systems` takes them."""
    print(",".join(topology.systems(_open(name).topology.inventory, mode)))


@commands.command(context_settings=PASS_ON)
def run(context: typer.Context, playbook: str, name: TopologyOption = topology.OWN) -> None:
    """Run ansible-playbook with the lab's inventory."""
    lab = _open(name)
    os.environ["VOICEHELPER_LAB_STATE"] = str(lab.paths.root)  # the very one, whatever directory or home the inventory is read in
    os.chdir(REPOSITORY)
    program = Path(sys.prefix) / "bin/ansible-playbook"
    _become([str(program), "-i", str(_shown(lab.topology.inventory)), playbook, *context.args])


def app() -> None:
    """Entry point: a LabError is a message to the user, not a traceback."""
    surroundings.settle()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a plain kill cleans up as Ctrl-C does
    try:
        commands()
    except LabError as error:
        console.print(f"[red]lab:[/red] {error}", soft_wrap=True)
        sys.exit(1)
    except FileNotFoundError as error:
        console.print(f"[red]lab:[/red] {error.filename} is not there; `lab up` installs what a lab needs", soft_wrap=True)
        sys.exit(1)


def _nodes(lab: Lab, names: list[str] | None) -> list[topology.Node]:
    return [lab.topology.node(name) for name in names] if names else list(lab.topology.nodes)


def _become(command: list[str]) -> None:
    sys.stdout.flush()
    os.execvp(command[0], command)


def _shown(path: Path) -> Path:
    return path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path


def _table(lab: Lab) -> Table:
    containers = lab.podman.containers()
    table = Table("Node", "Address", "Role", "State", box=None)
    rows = [(node.name, node.address, node.role, lab.container(node.name)) for node in lab.topology.nodes]
    rows.append((f"{lab.topology.name}-depot", lab.topology.depot_address, "artifacts", lab.depot))
    for node, address, role, container in rows:
        state = containers.get(container, {}).get("State", "absent")
        table.add_row(node, address, role, f"[{'green' if state == 'running' else 'red'}]{state}")
    return table
