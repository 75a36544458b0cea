"""Measure the lab from blank nodes and write docs/benchmarks.md. It remakes the lab's nodes, their data disks too."""

from __future__ import annotations

import argparse
import json
import sys
import time

from lab.state import LabError
from tests.bench import measure, report
from tests.bench.measure import CLUSTER, PLATFORM, PROJECT, BenchError
from tests.times import machine

RESULTS = PROJECT / ".cache/bench.json"
PAGE = PROJECT / "docs/benchmarks.md"


def note(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def run() -> dict:
    """All measurements, in an order in which each starts from what the one before left."""
    results: dict = {"machine": machine(), "date": time.strftime("%Y-%m-%d"), "runs": {}}
    note("Blank nodes")
    measure.command("lab", "up")
    measure.command("lab", "reset", "--wipe")
    for name, books in {"first": CLUSTER, "second": CLUSTER, "platform": PLATFORM, "platform again": PLATFORM}.items():
        note(f"{name}: {' '.join(books)}")
        with measure.memory(measure.lab()) as peaks:
            results["runs"][name] = measure.playbooks(name.replace(" ", "-"), books)
        results["runs"][name]["memory_mib"] = dict(peaks)
        note(f"   {results['runs'][name]['seconds']} s")
    note("One worker more")
    own = {node.name for node in measure.lab().topology.nodes}
    try:
        measure.command("lab", "up", "--extra-workers", "1")
        results["runs"]["worker"] = measure.playbooks("worker", CLUSTER)
        note(f"   {results['runs']['worker']['seconds']} s")
    finally:
        for node in measure.lab().topology.nodes:
            if node.name not in own:
                measure.command("lab", "kubectl", "delete", "node", node.name, "--ignore-not-found", "--timeout=60s", seconds=90)
        measure.command("lab", "up", "--extra-workers", "0")
    return results


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
