"""What the cluster cannot do without is refused before anything is done, each with what was found, what is wanted and the way round."""

from dataclasses import replace

import pytest

from bootstrap.nodes import admission
from bootstrap.nodes.admission import OPERATIONS, Request, decide, judge
from bootstrap.nodes.cluster import Cluster, Node, System, Volume
from bootstrap.nodes.etcd import Etcd

NAMES = ["cp-1", "cp-2", "cp-3", "w-1", "w-2", "w-3"]
NATS = System("nats", {"nats-0": "w-1", "nats-1": "w-2", "nats-2": "w-3"}, leaders=["nats-0"], whole=True)
BEHIND = replace(
    NATS, held=["nats-1 is behind: 1 of 3 left"], losing=["nats-1 is behind: 1 of 3 left"], whole=False, why="nats-1: 7 behind"
)
MINIO = System("minio", {"minio-0": "w-1", "minio-1": "w-1"}, whole=True, held=["2 of 4 drives left, wanted 3"])
NEO4J = System("neo4j", {"neo4j-0": "w-1"}, leaders=["neo4j-0"], whole=True, alone=["neo4j-0"])


def cluster(*systems, planes=3, silent=(), away=(), cordoned=(), volumes=()):
    names = [name for name in NAMES if not name.startswith("cp-") or int(name[3:]) <= planes]
    nodes = {name: Node(name, name.startswith("cp-"), name not in away, name in cordoned) for name in names}
    etcd = Etcd({name: name not in silent for name in names if name.startswith("cp-")}, leader="cp-1")
    return Cluster(nodes, etcd, systems, volumes)


def tainted(cluster):
    """Its control planes take no workloads."""
    return replace(cluster, nodes={name: replace(node, workloads=not node.control_plane) for name, node in cluster.nodes.items()})


def asked(operation, *nodes, of, accepted=()):
    return judge(Request(OPERATIONS[operation], nodes, NAMES, accepted), of)


def fatal(findings):
    return [finding for finding in findings if finding.fatal]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("node", ["w-2", "cp-1", "cp-3"])
def test_a_whole_cluster_of_three_control_planes_does_without_any_one_node(operation, node):
    assert fatal(asked(operation, node, of=cluster(NATS))) == []


REFUSED = [
    # operation, nodes, cluster, host, words of what is said
    ("drain", [], cluster(), "site", ["nothing", "-e node="]),
    ("drain", ["w-9"], cluster(), "w-9", ["not in the cluster", "typing error"]),
    ("reboot", ["w-1", "w-2"], cluster(), "site", ["2 nodes at once", "one node"]),
    ("drain", ["w-1"], cluster(away=["w-2"]), "w-2", ["not Ready", "w-1", "-e accept=w-2"]),
    ("reboot", ["w-1"], cluster(cordoned=["w-3"]), "w-3", ["cordoned", "uncordon.yml -e node=w-3"]),
    ("remove", ["cp-1"], cluster(planes=1), "cp-1", ["the only one", "scale.yml"]),
    ("wipe", ["cp-1"], cluster(planes=1), "cp-1", ["the only one"]),
    ("reboot", ["cp-1"], cluster(silent=["cp-2"]), "cp-1", ["1 of 3", "cp-2 does not answer", "2 that answer"]),
    ("remove", ["cp-1"], cluster(silent=["cp-2"]), "cp-1", ["1 of 2", "cp-2"]),
    ("replace", ["cp-3"], replace(cluster(), etcd=Etcd({}, why="no member is ready")), "cp-3", ["no member is ready"]),
    ("reboot", ["w-1"], cluster(BEHIND), "w-1", ["1 of 3", "7 behind"]),
    ("wipe", ["w-1"], cluster(BEHIND), "w-1", ["1 of 3", "7 behind"]),
    ("reboot", ["w-1"], cluster(MINIO), "w-1", ["2 of 4 drives", "-e accept=minio"]),
    ("drain", ["w-1"], cluster(NEO4J), "w-1", ["serves alone", "-e accept=neo4j"]),
    ("wipe", ["w-1"], cluster(NEO4J), "w-1", ["the only copy", "backup.yml -t neo4j", "-e accept=neo4j"]),
    ("remove", ["w-1"], tainted(cluster(NATS)), "w-1", ["3 members, and 2 nodes", "scale.yml", "-e accept=nats"]),
    ("remove", ["w-2"], cluster(volumes=[Volume("pvc-1", "w-2", "shop/data")]), "w-2", ["only copy", "-e accept=shop/data"]),
]


@pytest.mark.parametrize(("operation", "nodes", "of", "host", "words"), REFUSED)
def test_what_is_not_safe_is_refused(operation, nodes, of, host, words):
    findings = fatal(asked(operation, *nodes, of=of))
    assert findings and findings[0].host == host
    said = " ".join(" ".join(finding.cells()) for finding in findings)
    assert [word for word in words if word not in said] == []


SILENT = replace(NEO4J, held=["it does not say how it is"], losing=["it does not say how it is"], whole=False, alone=[])


@pytest.mark.parametrize("operation", ["remove", "wipe"])
def test_a_system_that_was_given_up_may_be_silent_once_its_only_member_has_stopped(operation):
    assert fatal(asked(operation, "w-1", of=cluster(SILENT)))
    assert fatal(asked(operation, "w-1", of=cluster(SILENT), accepted=["neo4j"])) == []
    elsewhere = replace(SILENT, members={"neo4j-0": "w-1", "neo4j-1": "w-2"})
    assert fatal(asked(operation, "w-1", of=cluster(elsewhere), accepted=["neo4j"]))


def test_a_dead_machine_is_replaced_though_it_does_not_answer():
    assert fatal(asked("wipe", "w-1", of=cluster(NATS, away=["w-1"]))) == []
    assert fatal(asked("wipe", "cp-2", of=cluster(NATS, away=["cp-2"], silent=["cp-2"]))) == []


def test_a_system_that_is_alone_is_told_before_a_restart_and_may_be_accepted():
    (finding,) = asked("reboot", "w-1", of=cluster(NEO4J))
    assert not finding.fatal and "it is away until the node is back" in finding.wanted
    assert asked("drain", "w-1", of=cluster(NEO4J), accepted=["neo4j"]) == []
    assert asked("wipe", "w-1", of=cluster(NEO4J), accepted=["neo4j"]) == []


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_stops_and_loses_nothing_may_be_accepted(operation):
    (finding,) = asked(operation, "w-1", of=cluster(MINIO), accepted=["minio"])
    assert not finding.fatal and "accepted" in finding.wanted


def test_what_loses_data_is_accepted_for_machines_that_keep_it_alone():
    assert fatal(asked("wipe", "w-1", of=cluster(BEHIND), accepted=["nats"]))
    assert not fatal(asked("replace", "w-1", of=cluster(BEHIND), accepted=["nats"]))


def test_of_two_machines_that_are_dead_one_may_be_for_later():
    assert fatal(asked("wipe", "w-1", of=cluster(NATS, away=["w-1", "w-2"])))
    assert not fatal(asked("wipe", "w-1", of=cluster(NATS, away=["w-1", "w-2"]), accepted=["w-2"]))


def test_the_only_control_plane_may_restart_and_the_api_is_said_to_be_away():
    (finding,) = asked("reboot", "cp-1", of=cluster(planes=1))
    assert not finding.fatal and "the API is away" in finding.wanted
    assert asked("drain", "cp-1", of=cluster(planes=1)) == []


def test_volumes_that_a_system_copies_and_data_that_is_kept_are_no_matter():
    lies = [Volume("vol-1", "w-1", "storage/data-nats-0"), Volume("pvc-1", "w-1", "shop/data")]
    assert fatal(asked("replace", "w-1", of=cluster(NATS, volumes=lies))) == []
    assert [finding.found for finding in asked("wipe", "w-1", of=cluster(NATS, volumes=lies))] == ["shop/data has its only copy here"]
    assert asked("wipe", "w-1", of=cluster(NATS, volumes=lies), accepted=["shop/data"]) == []


BUSY = replace(cluster(BEHIND), etcd=Etcd({}, why="busy"))


@pytest.mark.parametrize(
    ("looks", "seconds", "used"),
    [
        ([BUSY, cluster(BEHIND), cluster(NATS)], 60, 3),
        ([cluster(BEHIND), cluster(NATS)], 0, 1),
        ([cluster(MINIO)], 60, 1),  # whole, and will not do without it in a minute either
        ([cluster(replace(BEHIND, held=[], losing=[]))], 60, 1),  # nothing to wait for
    ],
)
def test_a_passing_reason_is_looked_at_again(monkeypatch, looks, seconds, used):
    left, said = list(looks), []
    monkeypatch.setattr(admission.time, "sleep", lambda _: None)
    found, findings = decide(Request(OPERATIONS["reboot"], ["w-1"], NAMES), lambda: left.pop(0), seconds, said.append)
    assert len(looks) - len(left) == used and found is looks[used - 1]
    assert findings == judge(Request(OPERATIONS["reboot"], ["w-1"], NAMES), found)
    assert len(said) == used - 1 and all("busy" in text or "7 behind" in text for text in said)
