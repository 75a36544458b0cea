"""A node is made anew under streams of acknowledged writes to every system: its data kept, its data wiped, its machine dead and replaced
by an empty one; each run is killed once on its way."""

from __future__ import annotations

import time

import pytest

from tests.chaos.cluster import lab, nodes_ready, wait
from tests.chaos.operations import Node, anew, deployed, judge, node, stopping

pytestmark = pytest.mark.long

DEAD_SECONDS = 120  # until the cluster notices
LAST = [system for system in deployed() if system.name == "neo4j"]  # whose only copy no test gives up


def of_those_that_stay(streams: list, away: Node) -> list:
    """Streams of the systems that have a copy elsewhere."""
    return [stream for stream in streams if away.members[stream.system.name] < stream.system.replicas]


def test_a_worker_is_made_anew_and_finds_its_data(write):
    away = node("worker")
    streams, since = write(away.name), time.time()
    anew(away, "keep", 1)
    judge(streams, since, away, stopping(away))


def test_a_worker_is_made_anew_and_the_others_copy_all_to_it(write):
    away = node("worker", but=LAST)
    streams, since = write(away.name), time.time()
    anew(away, "wipe", 2)
    judge(of_those_that_stay(streams, away), since, away)


def test_a_machine_that_is_gone_is_replaced_by_an_empty_one(write):
    away = node("worker", but=LAST)
    streams, since = write(away.name), time.time()
    machine = lab().topology.node(away.name)
    with lab().paths.locked():
        lab().kill(machine)
    wait(lambda: not nodes_ready(), DEAD_SECONDS, f"{away.name}: not Ready")
    with lab().paths.locked():
        lab().reset([machine], wipe=True)
        lab().up()
    anew(away, "wipe", 3)
    judge(of_those_that_stay(streams, away), since, away)
