"""A CronJob that is run now: what is made of it, what is followed, and what a failure says."""

from __future__ import annotations

import json

import pytest

from bootstrap.kube import cron_job
from bootstrap.kube.cron_job import JobFailed, Run, findings, job_of

CRON_JOB = {
    "metadata": {"name": "redis-backup", "namespace": "space", "uid": "1234", "labels": {"app.kubernetes.io/component": "redis"}},
    "spec": {"jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"backoffLimit": 1}}},
}
COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}]}
FAILED = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "no more"}]}
RESULT = {"id": "20260101T000000Z", "findings": [{"system": "redis", "check": "keys", "ok": True, "found": "3"}]}


class Api:
    """Stands for an API server: a Job goes through `states`, its only pod prints `log`."""

    def __init__(self, states, log=(), running=True):
        self.states, self.log, self.running, self.made = list(states), list(log), running, []

    def path(self, item, collection=False):
        return item["kind"].lower() + ("s" if collection else f"/{item['metadata']['name']}")

    def get(self, item):
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return None if state is None else {"kind": "Job", "metadata": item["metadata"], "spec": {}, "status": state}

    def request(self, method, path, query=None, body=None, raw=False):
        if method == "POST":
            self.made.append(body)
        elif path.endswith("/log"):
            return "\n".join(self.log[-query["tailLines"] :])
        elif path == "pods":
            state = {"running": {}} if self.running else {"waiting": {"reason": "ErrImagePull"}}
            pod = {"spec": {"containers": [{"name": "c"}]}, "status": {"containerStatuses": [{"name": "c", "state": state, "ready": True}]}}
            return {"items": [{"metadata": {"name": "pod", "creationTimestamp": "2026-01-01T00:00:00Z"}, **pod}]}
        return {"items": []}


@pytest.fixture
def run(monkeypatch):
    """Run a CronJob against an API; `run.said` has the progress. A second passes whenever the clock is read."""
    clock = iter(range(10**6))
    monkeypatch.setattr(cron_job.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(cron_job.time, "sleep", lambda seconds: None)
    said = []

    def make(api, definition=CRON_JOB):
        made = Run(api, definition, said.append)
        made.said = said
        return made

    return make


def test_the_job_is_the_one_that_the_schedule_would_make():
    job = job_of(CRON_JOB)
    assert job["spec"] == {"backoffLimit": 1}
    assert job["metadata"]["labels"] == {"a": "b"}
    assert job["metadata"]["annotations"] == {"cronjob.kubernetes.io/instantiate": "manual"}
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == ("1234", True)
    assert job_of(CRON_JOB)["metadata"]["name"] != job["metadata"]["name"]


def test_the_last_line_is_the_result(run):
    api = Api([{}, COMPLETE], ["began", "half", json.dumps(RESULT)])
    made = run(api)
    made.follow(100)
    assert [job["metadata"]["name"] for job in api.made] == [made.job]
    assert made.result == RESULT
    assert made.lines[0] == "began"
    assert [(f["check"], f["ok"]) for f in findings(made, "redis")] == [("keys", True), ("redis-backup", True)]


def test_a_program_may_say_why_it_failed_after_its_result(run):
    made = run(Api([FAILED], ["began", json.dumps(RESULT), "it differs"]))
    with pytest.raises(JobFailed):
        made.follow(100)
    assert made.result == RESULT


@pytest.mark.parametrize("last", ["done", "[1]", ""])
def test_a_last_line_of_another_shape_is_no_result(run, last):
    made = run(Api([COMPLETE], ["began", last]))
    made.follow(100)
    assert made.result == {}


def test_progress_is_the_newest_line(run):
    made = run(Api([{}] * 10 + [COMPLETE], ["10 of 20 files"]))
    made.follow(1000)
    assert made.said
    assert all(line.endswith("s: 10 of 20 files") for line in made.said)


def test_a_pod_that_does_not_start_says_what_it_waits_for(run):
    made = run(Api([{}] * 20 + [COMPLETE], running=False))
    made.follow(1000)
    assert made.said[0].endswith("c: ErrImagePull")


def test_a_run_of_the_schedule_is_joined(run):
    api = Api([COMPLETE], ["{}"])
    made = run(api, CRON_JOB | {"status": {"active": [{"name": "redis-backup-29"}]}})
    made.follow(100)
    assert (made.job, api.made) == ("redis-backup-29", [])


@pytest.mark.parametrize(
    ("states", "timeout", "why"),
    [([{}, FAILED], 100, "BackoffLimitExceeded: no more"), ([{}], 20, "goes on after 20 s"), ([{}, None], 100, "removed before it ended")],
)
def test_a_failure_says_why_and_is_a_finding(run, states, timeout, why):
    made = run(Api(states, ["it broke"]))
    with pytest.raises(JobFailed, match=why) as caught:
        made.follow(timeout)
    assert findings(made, "redis", str(caught.value))[-1]["ok"] is False


def test_the_finding_on_a_failure_is_short(run):
    fault = "Job x failed: no more\n  pod y Failed\n    | began\n    | no such bucket\nevent y Pulled: image"
    assert findings(run(Api([COMPLETE])), "redis", fault)[-1]["found"] == "Job x failed: no more began no such bucket"
