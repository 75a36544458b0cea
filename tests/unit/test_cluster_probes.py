"""What a probe pod does and how pods are made that probe."""

import dataclasses
import json
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from bootstrap.checks import base, network, probe_pod
from bootstrap.checks.base import Finding
from bootstrap.checks.fixtures import PROBES, Fixtures


class Site:
    """Two nodes."""

    def __init__(self):
        self.nodes = {"cp-1": "10.0.0.11", "w-1": "10.0.0.21"}


@pytest.fixture
def served(project):
    """A probe pod's server on this machine: its open and its guarded port."""
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports.append(free.getsockname()[1])
    script = project / "bootstrap/checks/probe_pod.py"
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
        {"kind": "tls", "with": {"host": "127.0.0.1", "port": served[0], "ca": ""}},
    ]
    script = project / "bootstrap/checks/probe_pod.py"
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


def test_a_pod_that_does_not_run_fails_for_its_node_and_the_others_probe(monkeypatch):
    fixtures = Fixtures(Site())

    def await_pod(name, *_):
        if name == "probe-1":
            raise RuntimeError("pod probe-1 is Pending")
        return {"status": {"podIP": "10.244.0.7"}}

    monkeypatch.setattr(fixtures, "await_pod", await_pod)
    monkeypatch.setattr(fixtures, "_probe_from", lambda pod: [Finding("service", f"{fixtures.pods[pod]} → probe", True)])
    assert {(finding.target, finding.ok) for finding in fixtures.findings("service")} == {("w-1", False), ("cp-1 → probe", True)}
    assert network.dns.__name__ in PROBES
    assert [finding.detail for finding in fixtures.findings("dns")] == ["pod probe-1 is Pending"]


def test_a_single_node_has_two_probe_pods():
    site = Site()
    site.nodes = {"only": "10.0.0.11"}
    assert Fixtures(site).pods == {"probe-0": "only", "probe-1": "only"}


def test_probe_pods_meet_the_restricted_level():
    site = Site()
    site.image, site.patience = "example.org/image", 60
    pod = Fixtures(site)._probe_pod("probe-0", "cp-1")
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


def test_the_packet_filter_is_in_force_where_nobody_answers(monkeypatch):
    """A socket whose queue is full is as silent as a filter that drops; one that is gone refuses."""
    site = Site()
    with socket.create_server(("127.0.0.2", 0), backlog=0) as server, socket.socket() as waiting:
        port = server.getsockname()[1]
        monkeypatch.setattr(network, "_KUBELET_PORT", port)
        monkeypatch.setattr(network, "_SILENCE_SECONDS", 0.5)
        site.nodes = {"silent": "127.0.0.2", "refusing": "127.0.0.3"}
        waiting.connect(("127.0.0.2", port))
        silent, refusing = network.packet_filter(site, None)
        assert silent.ok and "timed out" in silent.detail
        assert not refusing.ok and "refuses 127.0.0.1: no packet filter is in force" in refusing.detail
    with socket.create_server(("127.0.0.2", port)):
        site.nodes = {"open": "127.0.0.2"}
        assert [found.ok for found in network.packet_filter(site, None)] == [False]
        site.nodes = {"open": "127.0.0.2", "here": "127.0.0.1"}
        assert [found.ok for found in network.packet_filter(site, None)] == [True, True]
