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


def run() -> dict:
    """All measurements, in an order in which each starts from what the one before left."""
    results: dict = {"machine": machine(), "date": time.strftime("%Y-%m-%d"), "runs": {}}

    def measured(name: str, books: Sequence[str], topology: str = OWN) -> None:
        note(f"{name}: {' '.join(books)}")
        with measure.memory(measure.lab(topology)) as peaks:
            results["runs"][name] = measure.playbooks(name.replace(" ", "-"), books, topology)
        results["runs"][name]["memory_mib"] = dict(peaks)
        note(f"   {results['runs'][name]['seconds']} s")

    note("Nine nodes, by themselves")  # beside another lab they would have fewer cores than three
    measure.command("lab", "down")
    try:
        measure.command("lab", "down", "--topology", NINE)
        measure.command("lab", "up", "--topology", NINE)
        measured("first of nine", CLUSTER, NINE)
        nodes("nine", NINE, measured)
    finally:
        measure.command("lab", "down", "--topology", NINE)
    note("Blank nodes")
    measure.command("lab", "up", "--extra-workers", "0")
    measure.command("lab", "reset", "--wipe")
    measured("first", CLUSTER)
    measured("second", CLUSTER)
    nodes("three", OWN, measured)
    measured("platform", PLATFORM)
    measured("platform again", PLATFORM)
    return results


def nodes(size: str, topology: str, measured: Callable) -> None:
    """A worker joins a cluster of this size, is made anew, and leaves."""
    measure.command("lab", "up", "--topology", topology, "--extra-workers", "1")
    name = [node.name for node in measure.lab(topology).topology.nodes if node.role == "worker"][-1]
    measured(f"joins {size}", ["playbooks/scale.yml", *NO_CHECKS], topology)
    measured(f"anew in {size}", ["playbooks/reprovision.yml", "-e", f"node={name}", "-e", "data=keep", *NO_CHECKS], topology)
    load(Paths.of(topology), {"workers": 0})
    measured(f"leaves {size}", ["playbooks/scale.yml", "-e", f"remove={name}", *NO_CHECKS], topology)
    measure.command("lab", "up", "--topology", topology)


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--report", action="store_true", help="only write the page again, from the last measurements")
    chosen = parser.parse_args()
    try:
        if not chosen.report:
            results = run()
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        PAGE.write_text(report.page(json.loads(RESULTS.read_text())))
    except (BenchError, LabError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    note(f"{PAGE.relative_to(PROJECT)} is written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
