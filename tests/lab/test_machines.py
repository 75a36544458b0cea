"""Machines of the lab fail and come back, as seen from outside. The order is that of a bad night: a power cut, then a restart of all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
from test_postgresql import kubectl, leader, psql, undisturbed, wait, whole, writer  # noqa: E402, F401 (a fixture)

from tests import stages  # noqa: E402

SILENCE_SECONDS = 90  # Patroni's lease runs out, a replica is elected, clients give up on connections that lead nowhere


def lab(*words: str) -> None:
    """Run a lab command. Raises AssertionError with what it said."""
    done = subprocess.run([*stages.LAB, *words], cwd=stages.PROJECT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def run(name: str, *options: str) -> tuple[int, str]:
    """Exit code and output of a playbook on the lab."""
    done = subprocess.run(
        stages.playbook(name, *options),
        cwd=stages.PROJECT,
        capture_output=True,
        text=True,
        timeout=600,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def verified() -> None:
    """The platform is well, as verification sees it."""
    code, output = run("playbooks/verify.yml", "--extra-vars=verify_patience=300")
    assert code == 0, output


def node_of(pod: str) -> str:
    """The node that a pod of the storage namespace is on."""
    return kubectl("get", "pod", pod, "-o", "jsonpath={.spec.nodeName}")


def lead_from_a_worker() -> str:
    """Move the leader, pod by pod, until it is on a worker; that worker's name."""
    for _ in range(6):
        pod = leader()
        if "worker" in (node := node_of(pod)):
            return node
        kubectl("delete", "pod", pod)
        wait(lambda before=pod: leader() != before)
        wait(whole, 300)
    raise AssertionError("the leader stays on the control plane")


@pytest.fixture
def leading_worker() -> Iterator[str]:
    """A worker that holds PostgreSQL's leader; it runs again when the test ends."""
    wait(whole, 300)
    node = lead_from_a_worker()
    yield node
    lab("start", node)
    wait(whole, 300)


def test_no_acknowledged_write_is_lost_with_the_leaders_machine(leading_worker, writer):  # noqa: F811
    before = leader()
    with undisturbed(writer) as judged:
        lab("kill", leading_worker)
        wait(lambda: leader() != before and psql(leader(), "SELECT NOT pg_is_in_recovery()") == "t")
    print(f"\n{leading_worker} lost: {judged['silence']:.1f} s without writes, {judged['acknowledged']} acknowledged")
    assert judged["lost"] == []
    assert judged["silence"] < SILENCE_SECONDS


@pytest.fixture
def dead_worker() -> Iterator[str]:
    """A worker without power; it runs again when the test ends."""
    name = [node.name for node in stages.topology().nodes if node.role == "worker"][-1]
    lab("kill", name)
    yield name
    lab("start", name)


def test_a_run_goes_on_with_the_other_machines_and_names_the_lost_one(dead_worker):
    code, output = run("playbooks/provision.yml", "--extra-vars=ansible_timeout=5")
    assert code == 4, output
    assert f"UNREACHABLE, left out of this run: {dead_worker}." in output
    recap = {line.split()[0]: line for line in output.split("PLAY RECAP")[1].splitlines() if " ok=" in line}
    for name in {node.name for node in stages.topology().nodes} - {dead_worker}:
        assert "failed=0" in recap[name] and "unreachable=0" in recap[name]


def test_all_machines_restart_and_the_platform_is_back():
    lab("reboot")
    verified()


def test_a_restart_changed_nothing_that_a_run_would_mend():
    code, output = run("site.yml", "--check", "--skip-tags=verify")
    assert code == 0, output
    recap = [line for line in output.split("PLAY RECAP")[1].splitlines() if " ok=" in line]
    assert recap and all("changed=0" in line for line in recap), "\n".join(recap)
