"""What a check's script says and what is made of it."""

from __future__ import annotations

import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from bootstrap.checks import pods
from bootstrap.checks.pods import PRELUDE, Pod, findings, together
from bootstrap.kube.api import ApiError, KubeApi


def run(script, patience=0):
    words = f"patience={patience} pause=0.1\n{PRELUDE}{script}"
    output = subprocess.run(["/bin/sh", "-c", words], capture_output=True, text=True, check=True).stdout
    (finding,) = findings("system", output)
    return finding


@pytest.mark.parametrize(
    ("script", "ok", "found"),
    [
        ("works 'greeting' echo hello", True, "hello"),
        ("works 'greeting' ls /nowhere", False, "No such file"),
        ("refused 'stranger' 'No such' ls /nowhere", True, "No such file"),
        ("refused 'stranger' 'permission denied' ls /nowhere", False, "No such file"),
        ("refused 'stranger' 'No such' echo hello", False, "was let in: hello"),
        ("works 'two lines' printf 'a\\nb\\tc'", True, "a b c"),
    ],
)
def test_a_call_is_a_finding(script, ok, found):
    finding = run(script)
    assert finding["ok"] is ok
    assert found in finding["found"]


ONCE_BUSY = 'ask() { [ -e {place} ] && { {then}; return; }; touch {place}; echo "timed out"; return 1; }\n'


@pytest.mark.parametrize(
    ("then", "call", "ok", "found"),
    [
        ("echo hello", "works 'greeting' ask", True, "hello"),
        ("echo WRONGPASS; return 1", "refused 'stranger' 'WRONGPASS' ask", True, "WRONGPASS"),
        ("echo WRONGPASS; return 1", "refused 'stranger' 'NOPERM' ask", False, "WRONGPASS"),
        ("echo hello", "refused 'stranger' 'WRONGPASS' ask", False, "was let in: hello"),
    ],
)
def test_a_crowded_machine_is_asked_again(tmp_path, then, call, ok, found):
    """The first look ends in a time-out, which is neither an answer nor a refusal."""
    finding = run(ONCE_BUSY.replace("{place}", str(tmp_path / "asked")).replace("{then}", then) + call)
    assert finding["ok"] is ok
    assert found in finding["found"]


def test_a_finding_is_red_when_patience_is_at_its_end():
    began = time.monotonic()
    assert run("works 'greeting' ls /nowhere", patience=2)["ok"] is False
    assert time.monotonic() - began > 1


def test_who_was_let_in_once_was_let_in(tmp_path):
    """No second look makes that good."""
    place = tmp_path / "asked"
    finding = run(
        f"ask() {{ [ -e {place} ] && {{ echo WRONGPASS; return 1; }}; touch {place}; echo hello; }}; refused 'stranger' 'WRONGPASS' ask"
    )
    assert (finding["ok"], finding["found"]) == (False, "was let in: hello")


def test_other_output_is_no_finding():
    assert findings("system", "NOTICE: hello\n") == []


def test_a_pod_has_no_rights_and_its_labels_decide_what_it_reaches():
    pod = {"name": "client", "script": "true", "labels": {"access": "true"}, "env": [], "files": {"/tls": {"secret": {}}}, "avoid": {}}
    made = Pod("toolbox", [({"system": "redis", "namespace": "space", "timeout": 5}, pod)]).definition("1")
    assert made["metadata"]["name"] == "check-redis-client-1"
    assert made["metadata"]["labels"]["access"] == "true"
    assert made["spec"]["automountServiceAccountToken"] is False
    (container,) = made["spec"]["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["volumeMounts"] == [{"name": "files-0", "mountPath": "/tls", "readOnly": True}]


POD = {"name": "client", "script": "true", "labels": {}, "env": [], "files": {}, "avoid": {}}
CHECK = {"system": "redis", "namespace": "space", "timeout": 60}


def checks(*systems):
    """The module's parameters for checks of one pod each, with a label of its own."""
    labels = [{"labels": {"access": system}} for system in systems]
    own = [{**CHECK, "system": system, "pods": [{**POD, **label}]} for system, label in zip(systems, labels, strict=True)]
    return {"kubeconfig": "", "image": "toolbox", "systems": own}


class Api(KubeApi):
    """An API whose pods end one after the other as told: with a reason for which they failed, or well."""

    def __init__(self, *reasons):
        self.reasons, self.there = list(reasons), {}

    def path(self, item, collection=False):
        return "pods" if collection else f"pods/{item['metadata']['name']}"

    def get(self, item):
        return self.there.get(self.path(item))

    def request(self, verb, path, query=None, body=None, raw=False):
        if verb == "POST":
            reason = self.reasons.pop(0)
            state = {"terminated": {"reason": reason or "Completed"}}
            state["terminated"]["exitCode"] = int(bool(reason))
            statuses = [{"name": container["name"], "state": state} for container in body["spec"]["containers"]]
            status = {"phase": "Failed" if reason else "Succeeded", "containerStatuses": statuses}
            self.there[f"{path}/{body['metadata']['name']}"] = {**body, "status": status}
        if verb == "DELETE":
            if path not in self.there:
                raise ApiError(404, "not found")
            del self.there[path]
            return None
        if verb == "GET" and path == "pods":
            wanted = dict(label.split("=") for label in query["labelSelector"].split(","))
            return {"items": [pod for pod in self.there.values() if wanted.items() <= pod["metadata"]["labels"].items()]}
        return "ok\tgreeting\thello\n" if verb == "GET" and self.reason_of(path) == "Completed" else ""

    def reason_of(self, path):
        return self.there[path.removesuffix("/log")]["status"]["containerStatuses"][0]["state"]["terminated"]["reason"]


@pytest.mark.parametrize(
    ("reasons", "well"), [((None,), True), (("StartError", None), True), (("StartError",) * 3, False), (("Error",), False)]
)
def test_a_pod_that_its_node_could_not_start_is_made_again(monkeypatch, reasons, well):
    api = Api(*reasons)
    monkeypatch.setattr(pods, "KubeApi", lambda _: api)
    monkeypatch.setattr(pods, "explain", lambda _api, _pod: ["why"])
    found = pods.run(checks("redis"))
    assert [finding["ok"] for finding in found] == [well]
    assert api.there == {} and api.reasons == []


def test_pods_that_are_alike_to_the_network_are_one_with_a_container_for_each_check(monkeypatch):
    stranger, client = {**POD, "name": "stranger"}, {**POD, "labels": {"access": "true"}}
    files = {**stranger, "files": {"/tls": {"secret": {"secretName": "one"}}}}
    systems = [{**CHECK, "pods": [client, stranger]}, {**CHECK, "system": "kafka", "timeout": 90, "pods": [files]}]
    first, second = together("toolbox", [*systems, {**CHECK, "system": "nats", "namespace": "other", "pods": []}])
    assert list(first.parts) == ["redis-client"]
    made = second.definition("1")
    assert made["metadata"]["name"] == "check-stranger-1" and made["spec"]["activeDeadlineSeconds"] == 90
    assert [container["name"] for container in made["spec"]["containers"]] == ["redis-stranger", "kafka-stranger"]
    assert [len(container["volumeMounts"]) for container in made["spec"]["containers"]] == [0, 1]
    api = Api(None, None)
    monkeypatch.setattr(pods, "KubeApi", lambda _: api)
    found = pods.run({"kubeconfig": "", "image": "toolbox", "systems": systems})
    assert [(finding["system"], finding["ok"]) for finding in found] == [("redis", True), ("redis", True), ("kafka", True)]


def test_a_pod_has_few_containers_so_that_a_quota_has_room_for_it():
    systems = [{**CHECK, "system": f"system-{n}", "pods": [POD]} for n in range(9)]
    assert [len(pod.parts) for pod in together("toolbox", systems)] == [4, 4, 1]
    names = [name for pod in together("toolbox", systems) for name in pod.parts]
    assert names == [f"system-{n}-client" for n in range(9)]


def test_a_container_that_fails_is_a_finding_of_its_own_system_alone(monkeypatch):
    parts = [({**CHECK, "system": system}, POD) for system in ("redis", "kafka")]
    pod, api = Pod("toolbox", parts), Api()
    item = pod.definition("1")
    ends = [{"name": "redis-client", "state": {"terminated": {"exitCode": 0}}}, {"name": "kafka-client", "state": {"running": {}}}]
    monkeypatch.setattr(pods, "explain", lambda _api, _pod: ["too slow"])
    monkeypatch.setattr(api, "request", lambda *_, **__: "ok\tgreeting\thello\n")
    found = pods.read(api, pod, item, {**item, "status": {"phase": "Failed", "containerStatuses": ends}})
    assert [finding["ok"] for finding in found["redis-client"]] == [True]
    (late,) = found["kafka-client"]
    assert not late["ok"] and "kafka-client ends" in late["check"] and late["found"] == "Failed too slow"


def test_all_systems_are_checked_at_once_and_reported_in_order(monkeypatch):
    apis, both = [], threading.Barrier(2, timeout=10)

    def ended(api, item, deadline):  # each waits until the other's pod is there too
        both.wait()
        return api.get(item)

    monkeypatch.setattr(pods, "KubeApi", lambda _: apis.append(Api(None)) or apis[-1])
    monkeypatch.setattr(pods, "ended", ended)
    found = pods.run(checks("redis", "kafka"))
    assert [(finding["system"], finding["ok"]) for finding in found] == [("redis", True), ("kafka", True)]
    assert [api.there for api in apis] == [{}, {}, {}]


def test_no_crowd_of_pods_runs_at_a_time(monkeypatch):
    most, running, seen = 3, set(), []

    def ended(api, item, deadline):
        running.add(item["metadata"]["name"])
        seen.append(len(running))
        time.sleep(0.02)
        running.remove(item["metadata"]["name"])
        return api.get(item)

    monkeypatch.setattr(pods, "_MOST", most)
    monkeypatch.setattr(pods, "KubeApi", lambda _: Api(None))
    monkeypatch.setattr(pods, "ended", ended)
    names = [f"system-{n}" for n in range(9)]
    assert [finding["system"] for finding in pods.run(checks(*names))] == names
    assert max(seen) == most


def test_nothing_is_checked_where_there_is_no_system():
    assert pods.run(checks()) == []


@pytest.mark.parametrize(("age", "stays"), [(120, False), (30, True)])
def test_pods_that_an_earlier_run_left_are_removed(monkeypatch, age, stays):
    api, made = Api(None), datetime.now(UTC) - timedelta(seconds=age)
    left = Pod("toolbox", [(CHECK, POD)]).definition("old")
    left["metadata"]["creationTimestamp"] = made.isoformat()
    api.there[api.path(left)] = left
    monkeypatch.setattr(pods, "KubeApi", lambda _: api)
    pods.run(checks("redis"))
    assert list(api.there) == [api.path(left)] * stays


def test_a_pod_that_is_gone_already_hides_no_findings():
    Api().delete(Pod("toolbox", [(CHECK, POD)]).definition("gone"), {})


@pytest.mark.parametrize(("refusal", "well"), [((403, "pods are forbidden: exceeded quota: quota"), True), ((403, "no rights"), False)])
def test_a_pod_that_the_quota_has_no_room_for_waits_for_others_to_end(monkeypatch, refusal, well):
    api, refusals = Api(None), [ApiError(*refusal)]

    def request(verb, *arguments, **keywords):
        if verb == "POST" and refusals:
            raise refusals.pop()
        return Api.request(api, verb, *arguments, **keywords)

    monkeypatch.setattr(api, "request", request)
    monkeypatch.setattr(pods, "KubeApi", lambda _: api)
    monkeypatch.setattr(pods.time, "sleep", lambda _: None)
    if well:
        assert [finding["ok"] for finding in pods.run(checks("redis"))] == [True]
    else:
        with pytest.raises(ApiError, match="no rights"):
            pods.run(checks("redis"))
