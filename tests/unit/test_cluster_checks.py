"""Checks of a cluster: how they are run and judged, how findings are shown."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from bootstrap.checks import base, cluster, network, report
from bootstrap.checks.base import Finding
from bootstrap.checks.fixtures import _folded
from bootstrap.errors import BootstrapError

RECORD = {"check": "dns", "target": "a → b", "result": "ok", "seconds": 0.5, "detail": "10.0.0.1"}


class Site:
    """A site whose API answers from a table."""

    nodes, kubernetes_version, label, volumes = {"cp-1": "10.0.0.11", "w-1": "10.0.0.21"}, "1.36.4", "example/verify", []

    def __init__(self, **answers):
        self.answers = answers

    def items(self, path, **_):
        return self.answers[path.rsplit("/", 1)[1]]

    def settle(self, look):
        return look()


def node(name, version="v1.36.4", **conditions):
    conditions = {"Ready": "True", "MemoryPressure": "False"} | conditions
    return {
        "metadata": {"name": name},
        "spec": {},
        "status": {
            "nodeInfo": {"kubeletVersion": version},
            "conditions": [{"type": kind, "status": status} for kind, status in conditions.items()],
        },
    }


def pod(name, ready="True", owner="ReplicaSet", **status):
    conditions = {"conditions": [{"type": "Ready", "status": ready}], "phase": "Running"}
    meta = {"name": name, "namespace": "kube-system", "ownerReferences": [{"kind": owner}]}
    return {"metadata": meta, "status": conditions | status}


def test_nodes_that_are_well():
    found = cluster.nodes(Site(nodes=[node("cp-1"), node("w-1")]), None)
    assert [finding.ok for finding in found] == [True, True]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ([], "is not in the cluster"),
        ([node("w-1", version="v1.35.0")], "kubelet v1.35.0, wanted v1.36.4"),
        ([node("w-1", Ready="Unknown")], "Ready=Unknown"),
        ([node("w-1", MemoryPressure="True")], "MemoryPressure=True"),
        ([node("w-1") | {"spec": {"unschedulable": True}}], "is cordoned"),
    ],
)
def test_a_node_that_is_not(second, said):
    well, ill = cluster.nodes(Site(nodes=[node("cp-1"), *second]), None)
    assert well.ok and not ill.ok and ill.target == "w-1" and ill.detail == said


def test_pods_of_jobs_and_pods_that_leave_are_not_judged():
    leaving = pod("old", ready="False")
    leaving["metadata"]["deletionTimestamp"] = "now"
    active = [{"metadata": {"name": "kube-system"}, "status": {"phase": "Active"}}]
    pods = [pod("fine"), pod("job", ready="False", owner="Job"), leaving]
    (finding,) = cluster.pods(Site(namespaces=active, pods=pods), None)
    assert finding.ok and finding.detail == "1 pods, 0 restarts"
    waiting = {"containerStatuses": [{"restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}
    (finding,) = cluster.pods(Site(namespaces=active, pods=[pod("ill", ready="False", **waiting)]), None)
    assert not finding.ok and finding.detail == "ill CrashLoopBackOff"


DIGEST = f"sha256:{'a' * 64}"


def with_image(name, image, runs=DIGEST, **meta):
    """A pod of one container that names an image and runs what the digest of its image ID says."""
    found = pod(name, containerStatuses=[{"name": "main", "imageID": f"registry.k8s.io/x@{runs}"}])
    return found | {"metadata": found["metadata"] | meta, "spec": {"containers": [{"name": "main", "image": image}]}}


def test_images_of_the_platform_go_by_digest():
    own = {"namespace": "elsewhere", "labels": {"app.kubernetes.io/managed-by": "ansible"}}
    pods = [with_image("etcd", f"registry.k8s.io/x:1@{DIGEST}"), with_image("own", f"registry.k8s.io/x:1@{DIGEST}", **own)]
    foreign = with_image("user", "docker.io/library/x:latest", namespace="default")
    (finding,) = cluster.images(Site(pods=[*pods, foreign]), None)
    assert finding.ok and finding.detail == "2 pods"


@pytest.mark.parametrize(
    ("image", "runs", "said"),
    [
        ("registry.k8s.io/x:1", DIGEST, "kube-system/etcd names registry.k8s.io/x:1"),
        (f"registry.k8s.io/x:1@{DIGEST}", "sha256:other", f"kube-system/etcd runs registry.k8s.io/x@sha256:other, wanted {DIGEST}"),
    ],
)
def test_an_image_by_tag_or_another_one_is_found(image, runs, said):
    (finding,) = cluster.images(Site(pods=[with_image("etcd", image, runs)]), None)
    assert not finding.ok and finding.detail == said


def test_volumes_that_are_missing_or_released():
    site = Site(persistentvolumes=[{"metadata": {"name": "pg-1"}, "status": {"phase": "Bound"}}])
    site.volumes = [{"name": "pg-1", "system": "postgres"}, {"name": "pg-2", "system": "postgres"}]
    (finding,) = cluster.volumes(site, None)
    assert not finding.ok and finding.detail == "1 Bound, 1 missing"


def policy(namespace, **spec):
    return {"metadata": {"namespace": namespace}, "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} | spec}


def test_a_namespace_that_one_way_is_open():
    spaces = [{"metadata": {"name": name}} for name in ("default", "kube-system", "mine", "open")]
    policies = [policy("default"), policy("kube-system", policyTypes=["Ingress"]), policy("open", podSelector={"matchLabels": {"a": "b"}})]
    site = Site(namespaces=spaces, networkpolicies=policies)
    site.guarded = ["default", "kube-system", "open", "not-there"]
    assert {finding.target: finding.ok for finding in network.default_deny(site, None)} == {
        "default": True,
        "kube-system": False,
        "open": False,
    }


def test_pods_are_encrypted_on_every_node_or_on_none_by_decision():
    keyed = {"metadata": {"name": "cp-1", "annotations": {"network.cilium.io/wg-pub-key": "abc="}}}
    site = Site(ciliumnodes=[keyed, {"metadata": {"name": "w-1"}}])
    site.pod_encryption = "wireguard"
    assert {finding.target: finding.ok for finding in network.pod_encryption(site, None)} == {"cp-1": True, "w-1": False}
    site.pod_encryption = "none"
    (finding,) = network.pod_encryption(site, None)
    assert finding.ok and "trusted" in finding.detail


@pytest.fixture
def checks(monkeypatch):
    monkeypatch.setattr(base, "CHECKS", {})
    monkeypatch.setattr(base, "PROBING", set())
    return base.check


def test_a_check_that_breaks_is_a_finding_and_the_others_run(checks):
    @checks("broken")
    def broken(_site, _fixtures):
        raise OSError("no route")

    @checks("empty")
    def empty(_site, _fixtures):
        return []

    @checks("fine")
    def fine(_site, _fixtures):
        yield Finding("fine", "x", True)

    found = base.run(None, ["broken", "empty", "fine"], None)
    assert [(finding.check, finding.ok) for finding in found] == [("broken", False), ("empty", False), ("fine", True)]
    assert found[0].detail == "no route"


def test_checks_run_together(checks):
    barrier = threading.Barrier(3, timeout=5)
    for name in ("a", "b", "c"):
        checks(name)(lambda _site, _fixtures, name=name: [Finding(name, str(barrier.wait() >= 0), True)])
    assert all(finding.ok for finding in base.run(None, ["a", "b", "c"], None))


def test_only_what_reads_is_checked_without_fixtures(checks):
    checks("looks")(lambda _site, _fixtures: [Finding("looks", "x", True)])
    checks("makes", probing=True)(lambda _site, _fixtures: [Finding("makes", "x", True)])
    assert [finding.check for finding in base.run(None, ["looks", "makes"], None, read_only=True)] == ["looks"]


def test_an_unknown_check_is_named_with_the_known_ones(checks):
    checks("dns")(lambda _site, _fixtures: [])
    with pytest.raises(BootstrapError, match="unknown checks dsn; known: dns"):
        base.run(None, ["dsn"], None)


def test_what_is_well_from_one_pod_is_one_finding():
    found = [Finding("dns", "n1 → a", True, "1", 0.1), Finding("dns", "n1 → b", True, "1", 0.3), Finding("dns", "n1 → c", False, "no")]
    well, ill = _folded(found)
    assert (well.target, well.detail, well.seconds) == ("n1 → a, b", "1", 0.3)
    assert ill.target == "n1 → c" and not ill.ok


def test_findings_of_a_system_take_the_reports_form():
    found = report.normalised({"system": "postgresql", "check": "write", "ok": False, "found": "read-only"})
    assert found == {"check": "postgresql", "target": "write", "result": "failed", "seconds": 0.0, "detail": "read-only"}


def test_the_table_shortens_what_is_well_and_shows_failures_whole():
    long = " ".join(["word"] * 60)
    text = report.table([RECORD | {"detail": long}, RECORD | {"detail": f"{long} end", "result": "failed"}])
    assert "…" in text.splitlines()[2] and text.endswith("end")
    assert text.splitlines()[0].split() == list(report.COLUMNS)


def test_the_report_file(tmp_path):
    path = tmp_path / "state/verify.json"
    report.write(path, [RECORD, RECORD | {"result": "failed"}])
    content = json.loads(path.read_text())
    assert (content["ok"], content["passed"], content["failed"]) == (False, 1, 1)
    assert [found["result"] for found in content["findings"]] == ["ok", "failed"]


def test_nothing_found_is_not_well(tmp_path):
    report.write(tmp_path / "verify.json", [])
    assert json.loads((tmp_path / "verify.json").read_text())["ok"] is False


def test_the_summary_names_what_failed():
    assert report.summary([RECORD, RECORD | {"result": "failed"}]) == "1 of 2 findings are well; failed: dns"


def cron_job(schedule, hours, *, succeeded=True):
    moment = (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    long_ago = "2020-01-01T00:00:00Z"
    job = {"spec": {"activeDeadlineSeconds": 3600}}
    return {
        "metadata": {"name": "redis-backup", "namespace": "storage", "creationTimestamp": long_ago if succeeded else moment},
        "spec": {"schedule": schedule, "startingDeadlineSeconds": 600, "jobTemplate": job},
        "status": {"lastSuccessfulTime": moment} if succeeded else {"lastScheduleTime": moment},
    }


@pytest.mark.parametrize(
    ("schedule", "hours", "ok"),
    [
        ("10 * * * *", 2, True),
        ("10 * * * *", 3, False),
        ("15 1 * * *", 25, True),
        ("15 1 * * *", 26, False),
        ("15 */6 * * *", 26, False),
        ("15 1 * * 0", 24 * 8, True),
        ("15 1 1 * *", 24 * 33, False),
        ("@monthly", 24 * 30, True),
    ],
)
@pytest.mark.parametrize("succeeded", [True, False])
def test_a_job_whose_last_success_is_too_old_is_found(schedule, hours, ok, succeeded):
    (found,) = cluster.cron_jobs(Site(cronjobs=[cron_job(schedule, hours, succeeded=succeeded)]), None)
    assert (found.target, found.ok) == ("storage/redis-backup", ok)
    assert f"{hours}.0 h ago" in found.detail and ("no success" in found.detail) is not succeeded


def test_a_cluster_without_jobs_is_well():
    assert [finding.ok for finding in cluster.cron_jobs(Site(cronjobs=[]), None)] == [True]
