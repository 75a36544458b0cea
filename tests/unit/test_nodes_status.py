"""The one screen: what needs doing, in order, and the ages and shares that it is judged by."""

from datetime import UTC, datetime

import yaml

from bootstrap.nodes.cluster import Cluster, Node, System
from bootstrap.nodes.etcd import Etcd
from bootstrap.nodes.status import Backup, Room, Status, backups, room, text

GIB = 2**30
NODES = {"cp-1": Node("cp-1", True, True, False, "v1.36.1"), "w-1": Node("w-1", False, True, False, "v1.36.1")}
NATS = System("nats", {"nats-0": "w-1"}, ["nats-0"], whole=True)
WHOLE = Cluster(NODES, Etcd({"cp-1": True}, "cp-1", 40 * 2**20), [NATS], pods={"w-1": ["a/b"]})
WELL = {"check": "certificates", "target": "vault", "result": "ok", "detail": "13, the first ends in 800 days: x"}


def node(name, label="", ready=True):
    return Node(name, False, ready, True, "v1.36.1", {"example.org/maintenance": label} if label else {})


def status(cluster=WHOLE, ages=(), rooms=(), certificates=(WELL,), inventory=("cp-1", "w-1")):
    return Status(cluster, ages, rooms, certificates, "1.36.1", inventory, "example.org")


def test_where_all_is_well_nothing_needs_doing():
    found = status(ages=[Backup("nats", 1.5, 20, "10 * * * *")], rooms=[Room("w-1", 50 * GIB, 100 * GIB, 0.5, 0.4)])
    assert found.tasks() == [] and found.document()["ok"]
    screen = text(found, colour=False)
    assert "nothing needs doing" in screen and "leader, 40 MiB" in screen and "90 min ago" in screen and "50 GiB" in screen


def test_what_is_worst_comes_first():
    nodes = {**NODES, "w-1": Node("w-1", False, False, True, "v1.35.0"), "w-3": node("w-3", "drain")}
    broken = Cluster(nodes, Etcd({"cp-1": False}), [System("nats", {"nats-0": "w-1"}, why="nats-0 is away")])
    ending = {**WELL, "result": "failed", "detail": "ends: x in 3 days"}
    found = status(
        broken,
        [Backup("nats", None, None, job_hours=30)],
        [Room("cp-1", 5 * GIB, 100 * GIB, 0.5, 0.4)],
        [ending],
        ["cp-1", "w-1", "w-2", "w-3"],
    )
    about = [(task.about, task.found) for task in found.tasks()]
    assert about == [
        ("w-1", "not Ready"),
        ("w-2", "not in the cluster"),
        ("etcd cp-1", "does not answer"),
        ("nats", "nats-0 is away"),
        ("cp-1", "5% of a volume left"),
        ("backup of nats", "there is none yet"),
        ("certificates: vault", "ends: x in 3 days"),
        ("w-3", "takes no pods: drained"),
        ("backups", "never restored and compared from here: nats"),
    ]
    screen = text(found, colour=False)
    assert "7 to do now, 2 to do later" in screen and "not Ready, cordoned" in screen and "not whole" in screen


def test_a_node_that_an_operation_has_in_hand_says_what_goes_on_with_it():
    left = (node("w-1", "wipe"), node("w-2", "return-keep", False), node("w-3", "return", False), node("w-4", "reboot", False))
    nodes = {one.name: one for one in left}
    found = status(Cluster(nodes, WHOLE.etcd), inventory=["w-1", "w-2", "w-4"])
    assert [(task.about, task.found, task.remedy, task.now) for task in found.tasks()] == [
        ("w-2", "not Ready: it is being made anew", "playbooks/reprovision.yml -e node=w-2 -e data=keep", True),
        ("w-3", "not Ready, and not in the inventory", "playbooks/scale.yml -e remove=w-3", True),
        ("w-4", "not Ready", "look at the machine: journalctl -u kubelet, or bring it back", True),
        ("w-1", "takes no pods: it is being made anew", "playbooks/reprovision.yml -e node=w-1 -e data=wipe", False),
    ]


def test_a_node_that_the_inventory_has_no_more_is_told():
    assert [(task.about, task.found, task.now) for task in status(inventory=["cp-1"]).tasks()] == [("w-1", "not in the inventory", False)]


def test_the_screen_shows_what_systems_say_word_for_word():
    said = System("nats", {"nats-0": ""}, why="[red]stream[/red] :x: is [away]")
    assert said.why in text(status(Cluster(NODES, WHOLE.etcd, [said])), colour=False)


def test_ages_of_backups_come_from_jobs_and_of_restores_from_the_last_report():
    job = {"metadata": {"name": "redis-backup", "creationTimestamp": "2026-01-01T12:00:00Z"}, "spec": {"schedule": "10 * * * *"}}
    job["status"] = {"lastSuccessfulTime": "2026-01-02T10:00:00Z"}
    other = {"metadata": {"name": "logs", "creationTimestamp": "2026-01-01T12:00:00Z"}, "spec": {"schedule": "0 0 * * *"}}
    restored = {"time": "2026-01-01T12:00:00Z", "findings": [{"check": "redis", "result": "ok"}, {"check": "minio", "result": "failed"}]}
    now = datetime(2026, 1, 2, 12, tzinfo=UTC)
    named = job | {"metadata": job["metadata"] | {"name": "faiss-service-backup"}}
    assert [backup.system for backup in backups([named], restored, now)] == ["faiss_service"]
    assert backups([job, other], restored, now) == [Backup("redis", 2.0, 24.0, "10 * * * *", 24.0)]
    assert backups([job], {"time": restored["time"], "findings": [{"check": "redis", "result": "failed"}]}, now)[0].restored_hours is None


def test_a_first_backup_that_is_not_due_yet_is_on_the_list_and_no_alarm():
    found = status(ages=[Backup("nats", None, 1, "15 1 * * *", job_hours=3)])
    assert [(task.about, task.now) for task in found.tasks()] == [("backup of nats", False)]
    assert found.document()["ok"]


def test_room_is_that_of_the_fullest_volume_and_of_what_pods_ask_for():
    node = {"metadata": {"name": "w-1"}, "status": {"allocatable": {"cpu": "2", "memory": "4Gi"}}}
    volume = {"pvcRef": {"name": "x"}, "availableBytes": 10, "capacityBytes": 100}
    summary = {"pods": [{"volume": [volume, {**volume, "availableBytes": 60}, {"availableBytes": 0, "capacityBytes": 100}]}, {}]}
    pods = [{"spec": {"containers": [{"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}, {}]}}]
    assert room(node, summary, pods) == Room("w-1", 10, 100, 0.75, 0.75)


def test_every_system_has_the_page_that_it_is_mended_by(project):
    modes = yaml.safe_load((project / "group_vars/all/modes.yml").read_text())
    for name in modes["deploy_modes"]["full"]:
        (task,) = status(Cluster(NODES, WHOLE.etcd, [System(name, {}, why="is away")], pods={})).tasks()
        assert (project / task.remedy).is_file(), task.remedy
