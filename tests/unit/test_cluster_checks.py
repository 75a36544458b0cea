"""Checks of a cluster: how they are run and judged, what a probe pod does, how findings are shown."""

import dataclasses
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from ansible.module_utils.cluster_checks import base, cluster, network, probe_pod, report
from ansible.module_utils.cluster_checks.base import Finding
from ansible.module_utils.cluster_checks.playground import PROBES, Playground, _folded

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


def test_volumes_that_are_missing_or_released():
    site = Site(persistentvolumes=[{"metadata": {"name": "pg-1"}, "status": {"phase": "Bound"}}])
    site.volumes = [{"name": "pg-1", "system": "postgres"}, {"name": "pg-2", "system": "postgres"}]
    (finding,) = cluster.volumes(site, None)
    assert not finding.ok and finding.detail == "1 Bound, 1 missing"


@pytest.fixture
def checks(monkeypatch):
    monkeypatch.setattr(base, "CHECKS", {})
    monkeypatch.setattr(base, "PROBING", set())
    return base.check


def test_a_check_that_breaks_is_a_finding_and_the_others_run(checks):
    @checks("broken")
    def broken(_site, _ground):
        raise OSError("no route")

    @checks("empty")
    def empty(_site, _ground):
        return []

    @checks("fine")
    def fine(_site, _ground):
        yield Finding("fine", "x", True)

    found = base.run(None, ["broken", "empty", "fine"], None)
    assert [(finding.check, finding.ok) for finding in found] == [("broken", False), ("empty", False), ("fine", True)]
    assert found[0].detail == "no route"


def test_checks_run_together(checks):
    barrier = threading.Barrier(3, timeout=5)
    for name in ("a", "b", "c"):
        checks(name)(lambda _site, _ground, name=name: [Finding(name, str(barrier.wait() >= 0), True)])
    assert all(finding.ok for finding in base.run(None, ["a", "b", "c"], None))


def test_only_what_reads_is_checked_without_a_playground(checks):
    checks("looks")(lambda _site, _ground: [Finding("looks", "x", True)])
    checks("makes", probing=True)(lambda _site, _ground: [Finding("makes", "x", True)])
    assert [finding.check for finding in base.run(None, ["looks", "makes"], None, read_only=True)] == ["looks"]


def test_an_unknown_check_is_named_with_the_known_ones(checks):
    checks("dns")(lambda _site, _ground: [])
    with pytest.raises(KeyError, match="unknown checks dsn; known: dns"):
        base.run(None, ["dsn"], None)


def test_what_is_well_from_one_pod_is_one_finding():
    found = [Finding("dns", "n1 → a", True, "1", 0.1), Finding("dns", "n1 → b", True, "1", 0.3), Finding("dns", "n1 → c", False, "no")]
    well, ill = _folded(found)
    assert (well.target, well.detail, well.seconds) == ("n1 → a, b", "1", 0.3)
    assert ill.target == "n1 → c" and not ill.ok


@pytest.fixture
def served(project):
    """A probe pod's server on this machine: its open and its guarded port."""
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports.append(free.getsockname()[1])
    script = project / "plugins/module_utils/cluster_checks/probe_pod.py"
    server = subprocess.Popen([sys.executable, script, "serve", "probe-0", *map(str, ports)])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{ports[1]}/", timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield ports
    server.kill()
    server.wait()


def test_probes_of_a_pod(served, project):
    url = f"http://127.0.0.1:{served[0]}/"
    plan = [
        {"kind": "http", "with": {"url": url, "contains": "probe-0"}},
        {"kind": "http", "with": {"url": url, "contains": "probe-9"}},
        {"kind": "no_way", "with": {"host": "127.0.0.1", "port": served[1]}},
        {"kind": "dns", "with": {"name": "localhost", "address": "127.0.0.1"}},
        {"kind": "dns", "with": {"name": "localhost", "address": "10.0.0.1"}},
        {"kind": "tls", "with": {"host": "127.0.0.1", "port": served[0], "authority": ""}},
    ]
    script = project / "plugins/module_utils/cluster_checks/probe_pod.py"
    order = json.dumps({"probes": plan, "patience": 0.5})
    done = subprocess.run([sys.executable, script, "probe"], input=order, capture_output=True, text=True, timeout=30)
    outcomes = json.loads(done.stdout)
    assert [outcome["ok"] for outcome in outcomes] == [True, False, False, True, False, False]
    assert outcomes[2]["detail"] == "was let in"


def test_a_connection_that_times_out_is_blocked(monkeypatch):
    monkeypatch.setattr(probe_pod, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        filler = [socket.socket() for _ in range(4)]  # the queue is full: further calls get no answer
        for one in filler:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        assert probe_pod.no_way("127.0.0.1", port) == "blocked"
        for one in filler:
            one.close()


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


def test_a_pod_that_does_not_run_fails_for_its_node_and_the_others_probe(monkeypatch):
    ground = Playground(Site())

    def await_pod(name, *_):
        if name == "probe-1":
            raise RuntimeError("pod probe-1 is Pending")
        return {"status": {"podIP": "10.244.0.7"}}

    monkeypatch.setattr(ground, "await_pod", await_pod)
    monkeypatch.setattr(ground, "_probe_from", lambda pod: [Finding("service", f"{ground.pods[pod]} → probe", True)])
    assert {(finding.target, finding.ok) for finding in ground.findings("service")} == {("w-1", False), ("cp-1 → probe", True)}
    assert network.dns.__name__ in PROBES
    assert [finding.detail for finding in ground.findings("dns")] == ["pod probe-1 is Pending"]


def test_a_single_node_has_two_probe_pods():
    site = Site()
    site.nodes = {"only": "10.0.0.11"}
    assert Playground(site).pods == {"probe-0": "only", "probe-1": "only"}


def test_probe_pods_meet_the_restricted_level():
    site = Site()
    site.image, site.patience = "example.org/image", 60
    pod = Playground(site)._probe_pod("probe-0", "cp-1")
    (container,) = pod["spec"]["containers"]
    assert pod["spec"]["securityContext"]["runAsNonRoot"] and pod["spec"]["securityContext"]["seccompProfile"]
    assert (
        container["securityContext"]["capabilities"] == {"drop": ["ALL"]} and not container["securityContext"]["allowPrivilegeEscalation"]
    )
    assert pod["spec"]["activeDeadlineSeconds"] > site.patience
    assert pod["spec"]["restartPolicy"] == "OnFailure"  # one failed start of a container is no finding


@pytest.fixture
def impatient(tmp_path):
    """Gives a site with little patience whose kubectl is a script: it is told how often it was called before."""
    config = {"current-context": "a", "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}]}
    config |= {"clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}], "users": [{"name": "a", "user": {"token": "t"}}]}
    (tmp_path / "kubeconfig").write_text(json.dumps(config))

    def made(script, patience):
        kubectl = tmp_path / "kubectl"
        kubectl.write_text(f"#!/bin/sh\nprintf x >> {tmp_path}/calls\ncalls=$(wc -c < {tmp_path}/calls)\n{script}\n")
        kubectl.chmod(0o755)
        nothing = {field.name: None for field in dataclasses.fields(base.Site) if field.init}
        return base.Site(**nothing | {"kubeconfig": str(tmp_path / "kubeconfig"), "kubectl": str(kubectl), "patience": patience})

    return made


def test_kubectl_is_tried_again_while_there_is_patience(impatient):
    assert impatient('[ "$calls" -gt 1 ] && exec cat; echo refused >&2; exit 1', 20).run_kubectl("exec", stdin="answer") == "answer"


def test_kubectl_that_never_works_says_why(impatient):
    with pytest.raises(RuntimeError, match="kubectl exec: refused"):
        impatient("echo refused >&2; exit 1", 0.5).run_kubectl("exec")
