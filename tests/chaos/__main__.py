"""Break the lab's systems under streams of acknowledged writes, and write docs/reliability.md. Exit code 1 when a promise is broken.

Everything it does is bounded and undone, also when it is interrupted. It needs a lab whose systems are deployed and well.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time

from lab.state import LabError
from tests.bench.__main__ import machine, note
from tests.chaos import report
from tests.chaos.cluster import PROJECT, ClusterError
from tests.chaos.events import EVENTS, sweep
from tests.chaos.rounds import Pace, measure
from tests.chaos.systems import SYSTEMS, System

RESULTS = PROJECT / ".cache/chaos.json"
PAGE = PROJECT / "docs/reliability.md"


def main() -> int:
    """Entry point."""
    chosen = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"systems": {}}
    broken = []
    if not chosen.report:
        began = time.monotonic()
        results["machine"] = machine()
        try:
            sweep()
            systems = _deployed(chosen.systems)
            for event in [event for event in EVENTS if event.name in (chosen.event or {e.name for e in EVENTS})]:
                note(f"{event.name}: {event.about}")
                for system, record in measure(event, systems, Pace(), note):
                    results["systems"].setdefault(system.name, {})[event.name] = record
                    broken += [f"{system.name} {event.name}: {record['failed']}"] if "failed" in record else []
                    _keep(results)
        except (ClusterError, LabError) as error:
            print(f"chaos: {error}", file=sys.stderr)
            return 1
        note(f"{(time.monotonic() - began) / 60:.0f} minutes")
    PAGE.write_text(report.page(results))
    note(f"{PAGE.relative_to(PROJECT)} is written")
    print("\n".join(["Broken:", *broken]) if broken else "Every promise was kept", flush=True)
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    names = ", ".join(system.name for system in SYSTEMS)
    parser.add_argument("systems", nargs="*", metavar="SYSTEM", help=f"only these; default: all that are deployed of {names}")
    parser.add_argument(
        "--event", action="append", choices=[event.name for event in EVENTS], help="only this one; may be given several times"
    )
    parser.add_argument("--report", action="store_true", help="only write the page again, from the last measurements")
    chosen = parser.parse_args()
    if unknown := set(chosen.systems) - {system.name for system in SYSTEMS}:
        parser.error(f"unknown system {', '.join(sorted(unknown))}; known: {names}")
    return chosen


def _deployed(names: list[str]) -> list[System]:
    """The systems that are named, or all that the lab has. Raises ClusterError when a named one is not there."""
    there = [system for system in SYSTEMS if (not names or system.name in names) and system.replicas]
    if missing := set(names) - {system.name for system in there}:
        raise ClusterError(f"not deployed: {', '.join(sorted(missing))}")
    if not there:
        raise ClusterError("the lab has none of the systems")
    return there


def _keep(results: dict) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
