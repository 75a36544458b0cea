"""The stages of `tests/run.py`: what each runs, and what it needs to make sense."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import yaml

from lab.state import Paths
from lab.topology import OWN, Topology, load
from tests import nodes, scenarios, whole_mirror
from tests import services as service_tests
from tests.scenarios import PROJECT

SITES = sorted(path.parent.name for path in PROJECT.glob("inventories/*/hosts.yml"))
CACHE = PROJECT / ".cache"
PYTHON = sys.executable
LAB = [str(Path(PYTHON).parent / "lab")]
ARTIFACTS = [str(Path(PYTHON).parent / "artifacts")]
MINUTE = 60
MODES = yaml.safe_load((PROJECT / "group_vars/all/modes.yml").read_text())["deploy_modes"]
SMALL = min(MODES, key=lambda mode: len(MODES[mode]))
KILLED = "tests/lab/test_killed_runs.py"
ROLES = "make test ARGS=roles"
TASK = re.compile(r"^\d+:\d\d  (?!play )")  # the line of a task in what a run prints


@dataclass(frozen=True)
class Step:
    """One command, or one function that gives a text or raises AssertionError. After a ``decisive`` one fails, the stage ends.

    What is ``left_out`` does not run and counts for nothing: it is named with this reason.
    """

    name: str
    command: list[str] | None = None
    seconds: float = 5 * MINUTE
    work: Callable[[], str] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    decisive: bool = False
    alone: bool = False  # never beside another one
    then: Callable[[], None] | None = None  # once it has passed
    left_out: str = ""


@dataclass(frozen=True)
class Stage:
    """Steps that belong together, in order or ``at_once`` of them side by side. ``needs`` names stages without which it proves nothing."""

    name: str
    about: str
    steps: Callable[[Callable], Iterator[Step]]
    needs: tuple[str, ...] = ()
    at_once: int = 1
    on_demand: bool = False  # only when it is named


def topology() -> Topology:
    """The lab as it is: its nodes, and its inventory, which is a derived one when workers were added."""
    return load(Paths.of(OWN))


def playbook(name: str, *options: str) -> list[str]:
    """Command line of a playbook on the lab."""
    return ["ansible-playbook", "-i", str(topology().inventory), name, *options]


def run(name: str, *options: str, seconds: float = 10 * MINUTE) -> tuple[int, str]:
    """Run a playbook on the lab to its end; gives its exit code and all that it said."""
    silent = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    done = subprocess.run(playbook(name, *options), cwd=PROJECT, timeout=seconds, check=False, **silent)
    return done.returncode, done.stdout + done.stderr


def timed(name: str) -> dict[str, str]:
    """Environment that makes a run leave its results in a file."""
    return {"SITE_PROGRESS_TIMING_FILE": str(CACHE / f"timing-{name}.json")}


def judged(name: str, *, changed: bool) -> str:
    """What a timed run did to the hosts. Raises AssertionError for a failed or lost host, or, unless ``changed``, for a changed one."""
    hosts = json.loads((CACHE / f"timing-{name}.json").read_text())["hosts"]
    wrong = ("failures", "unreachable") if changed else ("failures", "unreachable", "changed")
    found = [f"{host}: {count} {what}" for host, counts in hosts.items() for what, count in counts.items() if what in wrong and count]
    assert not found, "; ".join(found)
    return f"{len(hosts)} hosts, {sum(counts['changed'] for counts in hosts.values())} changed"


def lint(_run: Callable) -> Iterator[Step]:
    yield Step("ruff check", ["ruff", "check", "--quiet", "--output-format=concise", "."])
    yield Step("ruff format", ["ruff", "format", "--check", "--quiet", "."])
    yield Step("yamllint", ["yamllint", "--strict", "."])
    yield Step("ansible-lint", ["ansible-lint", "-q", "--profile=production"], 10 * MINUTE)


def unit(_run: Callable) -> Iterator[Step]:
    yield Step("pytest tests/unit", ["pytest", "-q", "tests/unit"], 20 * MINUTE)
    yield Step("pytest tests/render, tests/integration", ["pytest", "-q", "tests/render", "tests/integration"], 20 * MINUTE)


def services(_run: Callable) -> Iterator[Step]:
    yield Step("their environment", seconds=15 * MINUTE, work=service_tests.environment, decisive=True)
    for name in service_tests.names():
        yield Step(name, [PYTHON, "-m", "tests.services", name])


def inventories(_run: Callable) -> Iterator[Step]:
    """Each site is well once its mirror is there; that it is refused without one is a test of its own."""
    mirror = ["-e", f"artifacts_lock_file={whole_mirror.lock_file(CACHE / 'mirror-lock.json')}"]
    for site in SITES:
        where = ["-i", f"inventories/{site}"]
        yield Step(f"{site} syntax", ["ansible-playbook", *where, "site.yml", "--syntax-check"])
        yield Step(f"{site} inventory", ["ansible-playbook", *where, "playbooks/inventory_check.yml", *mirror])


def artifacts(_run: Callable) -> Iterator[Step]:
    yield Step("prepare", [*ARTIFACTS, "prepare"], 75 * MINUTE)


def lab(_run: Callable) -> Iterator[Step]:
    yield Step("up", [*LAB, "up"], 10 * MINUTE, decisive=True)
    yield Step("every node answers", ["ansible", "-i", str(topology().inventory), "nodes", "-b", "-m", "ansible.builtin.ping"])


def check(_run: Callable) -> Iterator[Step]:
    """Whether the nodes are blank or in use, a check changes nothing on them."""
    yield Step("mark the nodes", work=nodes.mark, decisive=True)
    yield Step("site.yml --check --diff", playbook("site.yml", "--check", "--diff"), 5 * MINUTE)
    yield Step("nodes are untouched", work=nodes.untouched)


def converge(name: str, options: list[str], _run: Callable) -> Iterator[Step]:
    yield Step("site.yml", playbook("site.yml", *options), 30 * MINUTE, environment=timed(name), decisive=True)
    yield Step("no host failed", work=partial(judged, name, changed=True))


def again(_run: Callable) -> Iterator[Step]:
    """A second run changes nothing and restarts nothing, and finds all well; nor does a check find anything to do."""
    before: dict = {}
    yield Step("what was replaced is gone", work=nodes.settled)
    yield Step("note what runs", work=lambda: before.update(nodes.running()) or f"{len(before)} containers and services")
    yield Step("site.yml", playbook("site.yml"), 15 * MINUTE, environment=timed("again"), decisive=True)
    yield Step("nothing changed", work=partial(judged, "again", changed=False))
    yield Step("the platform serves, seen from outside", work=_report)
    yield Step("nothing restarted", work=lambda: nodes.same(before, nodes.running()))
    yield Step("site.yml --check --diff", playbook("site.yml", "--check", "--diff"), 5 * MINUTE, environment=timed("check"))
    yield Step("nothing to do", work=partial(judged, "check", changed=False))


def _report() -> str:
    found = json.loads((PROJECT / "inventories/lab/credentials/verify.json").read_text())
    assert found["ok"], f"{found['failed']} findings"
    return f"{found['passed']} findings"


def outside(_run: Callable) -> Iterator[Step]:
    yield Step("pytest tests/lab", ["pytest", "-q", "-s", "-m", "not long", "tests/lab"], 15 * MINUTE)


def long(_run: Callable) -> Iterator[Step]:
    yield Step("pytest tests/lab", ["pytest", "-q", "-s", "-m", "long", f"--ignore={KILLED}", "tests/lab"], 120 * MINUTE)


def kill(_run: Callable) -> Iterator[Step]:
    yield Step("pytest killed runs", ["pytest", "-q", "-s", KILLED], 180 * MINUTE)


def whole(name: str) -> Step:
    """A scenario from check to verify; once green, it is so until a file of it changes."""
    command, then = ["molecule", "test", "--scenario-name", name], partial(scenarios.passed, name, scenarios.digest(name))
    return Step(name, command, 8 * MINUTE, alone=name in scenarios.ALONE, then=then)


def node_roles(_run: Callable) -> Iterator[Step]:
    yield from map(whole, scenarios.machines())


def role_tests(_run: Callable) -> Iterator[Step]:
    """All in one process, against what the whole run has made, and then those that need more than that."""
    names = scenarios.on_the_lab()
    folders = [f"molecule/{name}/tests" for name in names]
    yield Step(f"tests of {len(names)} roles", ["pytest", "-q", "--maxfail=20", "--connection=local", *folders], 20 * MINUTE)
    yield from map(whole, scenarios.OWN_CONVERGE)


def changed_roles(_run: Callable) -> Iterator[Step]:
    """As many as fit; what else could run is named."""
    names = scenarios.on_the_lab()
    if "gate" not in scenarios.record():
        yield from _left_out(names, "no green gate is recorded in this store")
        return
    changed = scenarios.changed(names)
    yield from map(whole, changed[: scenarios.MOST])
    yield from _left_out(changed[scenarios.MOST :], f"changed, but more than {scenarios.MOST} are")
    yield from _left_out([name for name in names if name not in changed], "unchanged since they were green")


def _left_out(names: list[str], why: str) -> Iterator[Step]:
    return iter([Step(", ".join(names), left_out=f"{why}; {ROLES}")] if names else [])


def roles(_run: Callable) -> Iterator[Step]:
    yield from map(whole, scenarios.names())


ALL = [
    Stage("lint", "Python, YAML and Ansible are well-formed and in one style", lint, at_once=2),
    Stage("unit", "modules, plugins, lab and artifact code; every bundle of every site against the schemas", unit, at_once=2),
    Stage("inventories", "every site passes syntax and inventory checks", inventories, at_once=2),
    Stage("artifacts", "the store has every artifact", artifacts),
    Stage("lab", "the nodes are up", lab),
    Stage(
        "node-roles",
        "every role that needs no cluster on a machine of its own, or on one with others: check, converge, idempotence, verify",
        node_roles,
        ("artifacts", "lab"),
        at_once=3,
    ),
    Stage("check", "a check before the run changes nothing", check, ("artifacts", "lab")),
    Stage(
        "converge",
        f"from what the nodes are to a cluster, in the smallest mode ({SMALL})",
        partial(converge, "converge", ["--extra-vars", f"deploy_mode={SMALL}"]),
        ("artifacts", "lab"),
    ),
    # Without verification, with which `again` ends at once after it.
    Stage("grow", "from the smallest mode to all systems", partial(converge, "grow", ["--skip-tags", "verify"]), ("converge",)),
    Stage("again", "a second run changes nothing and restarts nothing", again, ("grow",)),
    Stage("outside", "the guide's commands work, a machine of the lab is made, lost and removed without a trace", outside, ("grow",)),
    Stage("role-tests", "every role that needs a cluster did on the lab what its own tests ask for", role_tests, ("grow",)),
    Stage(
        "changed-roles",
        "every role whose files changed since it was green, by itself: check, converge, idempotence, verify",
        changed_roles,
        ("grow",),
        at_once=2,
    ),
    Stage(
        "roles",
        "every role by itself, in a lab that is up with all systems: check, converge, idempotence, verify",
        roles,
        at_once=2,
        on_demand=True,
    ),
    Stage(
        "long",
        "leaders and machines are lost and come back, backups make the round trip, a rolled setting fails no request",
        long,
        on_demand=True,
    ),
    Stage(
        "services",
        "the services of the AI and application tiers, each as a process of its own, with real models",
        services,
        on_demand=True,
    ),
    Stage("kill", "runs killed at 20 places, the last ones on blank machines, are taken over by the next run", kill, on_demand=True),
]

os.environ.setdefault("ANSIBLE_CONFIG", str(PROJECT / "ansible.cfg"))
