"""A worker is made anew under streams of acknowledged writes to every system: its data kept, its data wiped, its machine dead and replaced
by an empty one; each run is killed once on its way."""

from __future__ import annotations

import random
import time

import pytest

from tests.chaos.cluster import lab, nodes_ready, objects, shell, wait
from tests.chaos.operations import alone, cordoned, judge, killed, node, run

pytestmark = pytest.mark.long

TASKS = 60  # of a run, at least
DEAD_SECONDS = 120  # until the cluster notices


def anew(worker: str, data: str, seed: int) -> None:
    """Make a node anew, killed once on the way; then all is as it should be, and a further look finds nothing to do."""
    only = [f"{claim['metadata']['namespace']}/{claim['metadata']['name']}" for claim in objects("persistentvolumeclaims")]
    options = ["-e", f"node={worker}", "-e", f"data={data}", "-e", f"accept={','.join(only)}"]
    task = random.Random(seed).randrange(TASKS)
    print(f"\n   killed at: {killed('playbooks/reprovision.yml', *options, task=task) or 'its end'}")
    run("playbooks/reprovision.yml", *options)
    assert nodes_ready() and cordoned() == []
    assert [one["metadata"]["name"] for one in objects("nodes") if one["spec"].get("taints")] == []
    assert "changed=0" in run("playbooks/scale.yml").split("PLAY RECAP")[1].split(worker)[1].split("\n")[0]


@pytest.mark.parametrize(("data", "seed"), [("keep", 1), ("wipe", 2)])
def test_a_worker_is_made_anew(write, data, seed):
    worker = node("worker", but=alone())
    before = shell(worker.name, "stat -c %W /etc/kubernetes/kubelet.conf")
    streams, since = write(worker.name), time.time()
    anew(worker.name, data, seed)
    assert shell(worker.name, "stat -c %W /etc/kubernetes/kubelet.conf") != before
    judge(streams, since, worker)


def test_a_machine_that_is_gone_is_replaced_by_an_empty_one(write):
    worker = node("worker", but=alone())
    streams, since = write(worker.name), time.time()
    with lab().paths.locked():
        lab().kill(lab().topology.node(worker.name))
    wait(lambda: not nodes_ready(), DEAD_SECONDS, f"{worker.name}: not Ready")
    with lab().paths.locked():
        lab().reset([lab().topology.node(worker.name)], wipe=True)
        lab().up()
    anew(worker.name, "wipe", 3)
    judge(streams, since, worker)
