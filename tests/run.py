"""Every proof that this project has, in order, with one line each: `python -m tests.run [STAGE…]`.

Without a stage it is the gate: all but those that run by name only. A stage whose needs failed is counted as failed, and nothing counts
as passed that did not run: what was left out is named. What this run started it also removes; a lab that was up before stays up.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests import cleanup, scenarios, stages, times, witness
from tests.stages import PROJECT, Stage, Step
from tests.times import clock

LOGS = PROJECT / ".cache/test-logs"
TAIL_LINES = 60
_SUMMARY = re.compile(r"^.*\b(?:passed|failed|errors?)\b.* in \d+\.\d+s", re.MULTILINE)  # the last line of each pytest
_COUNTS = re.compile(r"(\d+) (passed|failed|error)")


@dataclass
class Tally:
    """Passed and failed, in tests where a runner counts them, else in runners."""

    passed: int = 0
    failed: int = 0
    broken: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def add(self, name: str, ok: bool, passed: int = 0, failed: int = 0) -> None:
        self.passed += passed or int(ok)
        self.failed += failed or int(not ok)
        if not ok:
            self.broken.append(name)


class Runner:
    """Runs stages; every command has a log of its own and an end."""

    def __init__(self, tally: Tally, verbose: bool, looks: list[dict[str, float]] | None = None) -> None:
        self.tally, self.verbose = tally, verbose
        self.looks = [] if looks is None else looks  # at the machine, as the witness adds to them
        self.hardships: dict[str, str] = {}  # stage that failed → what the machine went through meanwhile
        self.processes: set[subprocess.Popen] = set()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored, and so it would be by every command
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "ANSIBLE_FORCE_COLOR": "0",
            "PY_COLORS": "0",
            "COLUMNS": "160",
        }

    def run(self, stage: Stage) -> bool:
        """Run a stage's steps; gives whether all passed."""
        began, counted, seen = time.monotonic(), self.tally.passed + self.tally.failed, len(self.looks)
        print(f"\n== {stage.name}: {stage.about}", flush=True)
        well = self._side_by_side(stage) if stage.at_once > 1 else self._in_order(stage)
        ran = self.tally.passed + self.tally.failed > counted
        outcome = ("passed" if ran else "left out") if well else "FAILED"
        if not well:
            self.hardships[stage.name] = witness.summary(self.looks[seen:])
        print(f"== {stage.name}: {outcome} in {clock(time.monotonic() - began)}", flush=True)
        return well

    def _in_order(self, stage: Stage) -> bool:
        """Up to the first failure of a step that later ones need."""
        well = True
        for step in stage.steps(self.execute):
            ok = self._step(stage, step)
            well &= ok
            if not ok and step.decisive:
                break
        return well

    def _side_by_side(self, stage: Stage) -> bool:
        steps = list(stage.steps(self.execute))
        well = [self._step(stage, step) for step in steps if step.alone]
        with ThreadPoolExecutor(stage.at_once) as pool:
            try:
                return all(well + list(pool.map(partial(self._step, stage), [step for step in steps if not step.alone])))
            except BaseException:  # this run is being ended, and its commands with it
                pool.shutdown(wait=False, cancel_futures=True)
                for process in list(self.processes):
                    _end(process)
                raise

    def _step(self, stage: Stage, step: Step) -> bool:
        if step.left_out:
            self.tally.left_out.append(f"{stage.name}: {step.name} ({step.left_out})")
            print(f"   left out {step.name}: {step.left_out}", flush=True)
            return True
        began, name = time.monotonic(), f"{stage.name}/{step.name}"
        log = LOGS / f"{stage.name}-{re.sub(r'[^a-z0-9]+', '-', step.name.lower())}.log"
        try:
            output, code = (step.work(), 0) if step.work else self.execute(step.command, log, step.seconds, step.environment)
        except AssertionError as refusal:
            output, code = str(refusal), 1
        except Exception as error:  # a step that breaks is a failure like any other, and the rest still runs
            output, code = f"{type(error).__name__}: {error}", 1
        counts = Counter()
        for number, kind in _COUNTS.findall(" ".join(_SUMMARY.findall(output))):
            counts[kind] += int(number)
        failed = counts["failed"] + counts["error"]
        ok = code == 0 and not failed
        self.tally.add(name, ok, counts["passed"], failed)
        if ok and step.then:
            step.then()
        told = ", ".join(f"{number} {kind}" for kind, number in counts.items()) or (output.strip() if step.work and ok else "")
        seconds = clock(time.monotonic() - began)
        line = f"   {'ok    ' if ok else 'FAILED'} {step.name} ({seconds}){': ' if told else ''}{told}"
        if not ok:
            tail = "".join(f"\n      | {line}" for line in output.splitlines()[-TAIL_LINES:])
            line += f"{tail}\n      exit code {code}; all of it: {log if step.command else 'above'}"
        print(line, flush=True)
        return ok

    def execute(self, command: list[str], log: Path | None = None, seconds: float = 300, environment: dict[str, str] | None = None):
        """Run a command in a process group of its own; gives (output, exit code), 124 when it did not end in time."""
        log = log or LOGS / "command.log"
        with log.open("w") as stream:
            surroundings = {**self.environment, **(environment or {})}
            process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env=surroundings,
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            self.processes.add(process)
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                code = 124
            finally:
                _end(process)
                self.processes.discard(process)
        output = log.read_text(errors="replace")
        if self.verbose:
            print(output, flush=True)
        return output + (f"\ndid not end within {seconds:.0f} s" if code == 124 else ""), code


def _end(process: subprocess.Popen) -> None:
    """End a process group that still runs, first kindly: interrupted, pytest says what has failed so far."""
    if process.poll() is not None:
        return
    for kind, grace in ((signal.SIGINT, 30), (signal.SIGTERM, 30), (signal.SIGKILL, 5)):
        os.killpg(process.pid, kind)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace)
            break
    with suppress(ProcessLookupError):  # what it leaves behind
        os.killpg(process.pid, signal.SIGKILL)


def _tell_what_ended() -> None:
    """While the lab is still there: a control plane that was killed explains many a failed test."""
    try:
        found = witness.ended()
    except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as error:
        found = [f"not known: {error}"]
    if found:
        print("\nContainers of the lab that ended and began again:\n" + "\n".join(f"   {line}" for line in found[-TAIL_LINES:]), flush=True)


def main() -> int:
    """Entry point. Exit code 1 when anything failed."""
    known = {stage.name: stage for stage in stages.ALL}
    parser = argparse.ArgumentParser(
        prog="python -m tests.run", description=__doc__, epilog="\n".join(f"{s.name}: {s.about}" for s in stages.ALL)
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="only these, without what they need")
    parser.add_argument("--verbose", action="store_true", help="show what every command says")
    chosen = parser.parse_args()
    if unknown := set(chosen.stages) - set(known):
        parser.error(f"unknown stage {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    gate = not chosen.stages
    digests = {name: scenarios.digest(name) for name in scenarios.names()} if gate else {}
    began, tally = time.monotonic(), Tally()
    outcomes, seconds = {}, {}
    LOGS.mkdir(parents=True, exist_ok=True)
    with witness.of_machine(LOGS / "machine.jsonl") as looks, cleanup.own_lab((runner := Runner(tally, chosen.verbose, looks)).execute):
        for stage in stages.ALL:
            if gate and stage.on_demand:
                tally.left_out.append(f"{stage.name}: {stage.about} (by name only; make test ARGS={stage.name})")
            if stage.on_demand if gate else stage.name not in chosen.stages:
                continue
            missing = [need for need in stage.needs if outcomes.get(need) is False]
            if missing:
                print(f"\n== {stage.name}: FAILED, not run because {', '.join(missing)} failed", flush=True)
                tally.add(stage.name, False)
            started = time.monotonic()
            outcomes[stage.name] = not missing and runner.run(stage)
            seconds[stage.name] = time.monotonic() - started
        if tally.broken and cleanup.lab_is_up():
            _tell_what_ended()
    if gate and not tally.broken:
        scenarios.gate_passed(times.taken(seconds), digests)
    print("\n" + "\n".join(f"{clock(taken):>6}  {name}{'' if outcomes[name] else ' FAILED'}" for name, taken in seconds.items()))
    if tally.left_out:
        print("\nLeft out:\n" + "\n".join(f"   {what}" for what in tally.left_out))
    for name, hardship in runner.hardships.items():  # at the end, which is what is kept of a long output
        print(f"\nDuring {name}: {hardship}")
    if tally.broken:
        print(f"\nFailed: {', '.join(tally.broken)}")
    print(f"\nAll stages in {clock(time.monotonic() - began)}\n{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.broken else 0


if __name__ == "__main__":
    sys.exit(main())
