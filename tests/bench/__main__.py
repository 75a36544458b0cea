"""Measure a lab of nine nodes, then the lab itself from blank nodes, and write docs/benchmarks.md. It remakes nodes and disks."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence

from lab.state import LabError, Paths
from lab.topology import OWN, load
from tests.bench import measure, report
from tests.bench.measure import CLUSTER, NO_CHECKS, PLATFORM, PROJECT, BenchError
from tests.times import machine

RESULTS = PROJECT / ".cache/bench.json"
PAGE = PROJECT / "docs/benchmarks.md"
NINE = "recommended"


def note(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def run(results: dict, parts: Sequence[str]) -> None:
    """Measure these parts, in an order in which each starts from what the one before left; `results` takes what was measured."""

    def measured(name: str, books: Sequence[str], topology: str = OWN) -> None:
        measure.settle()
        note(f"{name}: {' '.join(books)}")
        with measure.memory(measure.lab(topology)) as peaks:
            results["runs"][name] = measure.playbooks(name.replace(" ", "-"), books, topology)
        results["runs"][name]["memory_mib"] = dict(peaks)
        note(f"   {results['runs'][name]['seconds']} s")

    for part in parts:
        PARTS[part](measured)


def nine(measured: Callable) -> None:
    """A cluster of nine nodes and its life, by itself: beside another lab it would have fewer cores than three nodes have."""
    measure.command("lab", "down")
    try:
        measure.command("lab", "down", "--topology", NINE)
        measure.command("lab", "up", "--topology", NINE)
        measured("first of nine", CLUSTER, NINE)
        nodes("nine", NINE, measured)
    finally:
        measure.command("lab", "down", "--topology", NINE)


def three(measured: Callable) -> None:
    """The lab from blank nodes, and the life of a node of it."""
    measure.command("lab", "up", "--extra-workers", "0")
    measure.command("lab", "reset", "--wipe")
    measured("first", CLUSTER)
    measured("second", CLUSTER)
    nodes("three", OWN, measured)


def platform(measured: Callable) -> None:
    """All systems on the lab's cluster."""
    measured("platform", PLATFORM)


def again(measured: Callable) -> None:
    """The whole of it with nothing to do."""
    measured("platform again", PLATFORM)


def nodes(size: str, topology: str, measured: Callable) -> None:
    """A worker joins a cluster of this size, is made anew, and leaves; as at a site, its nodes have their volumes."""
    measure.playbooks("volumes", ["playbooks/storage.yml", "playbooks/tiers/00-prerequisites.yml"], topology)
    measure.command("lab", "up", "--topology", topology, "--extra-workers", "1")
    name = [node.name for node in measure.lab(topology).topology.nodes if node.role == "worker"][-1]
    measured(f"joins {size}", ["playbooks/scale.yml", *NO_CHECKS], topology)
    measured(f"anew in {size}", ["playbooks/reprovision.yml", "-e", f"node={name}", "-e", "data=keep", *NO_CHECKS], topology)
    load(Paths.of(topology), {"workers": 0})
    measured(f"leaves {size}", ["playbooks/scale.yml", "-e", f"remove={name}", *NO_CHECKS], topology)
    measure.command("lab", "up", "--topology", topology)


def _kept() -> dict:
    """What was measured on this machine before."""
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"machine": None}
    return before["runs"] if before["machine"] == machine() else {}


PARTS = {"nine": nine, "three": three, "platform": platform, "again": again}


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)}; of the others the page keeps what was measured")
    parser.add_argument("--report", action="store_true", help="only write the page again, from the last measurements")
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - set(PARTS):
        parser.error(f"found the part {unknown.pop()!r}, wanted some of {', '.join(PARTS)}")
    try:
        if not chosen.report:
            results = {"machine": machine(), "date": time.strftime("%Y-%m-%d"), "runs": _kept() if chosen.parts else {}}
            run(results, chosen.parts or list(PARTS))
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        PAGE.write_text(report.page(json.loads(RESULTS.read_text()), report.services(PAGE.read_text())))
    except KeyError as missing:
        print(f"bench: {PAGE.name} is not written: {missing} has not been measured on this machine", file=sys.stderr)
        return 1
    except (BenchError, LabError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    note(f"{PAGE.relative_to(PROJECT)} is written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
