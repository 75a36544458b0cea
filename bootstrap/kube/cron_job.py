"""A Job made from a CronJob now, followed to its end."""

from __future__ import annotations

import json
import secrets
import textwrap
import time

from bootstrap.errors import BootstrapError
from bootstrap.kube.api import ApiError
from bootstrap.kube.status import Hopeless, explain, pending

POLL_SECONDS = 1.0
SAY_SECONDS = 5.0  # a program's progress is shown no more often than this
WAIT_SECONDS = 20.0  # and while it says nothing, what it waits for is shown
LINES, WIDTH = 20, 160


class JobFailed(BootstrapError):
    """The Job failed or did not end in time; the text says why."""


def reference(kind, namespace, name=""):
    """An object of the API group of Jobs, or a pod."""
    version = "v1" if kind == "Pod" else "batch/v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"namespace": namespace, "name": name}}


def job_of(cron_job):
    """A Job as the CronJob itself would make it, marked as made by hand; the CronJob counts it and removes it in time."""
    meta, template = cron_job["metadata"], cron_job["spec"]["jobTemplate"]
    own = template.get("metadata") or {}
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": meta["name"], "uid": meta["uid"], "controller": True}
    made = {
        "name": f"{meta['name']}-{secrets.token_hex(3)}",
        "namespace": meta["namespace"],
        "labels": own.get("labels", {}),
        "annotations": {**own.get("annotations", {}), "cronjob.kubernetes.io/instantiate": "manual"},
        "ownerReferences": [owner],
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": made, "spec": template["spec"]}


class Run:
    """One run of a CronJob.

    :param say: called with each line of progress.
    """

    def __init__(self, api, cron_job, say):
        self._api, self._cron_job, self._say = api, cron_job, say
        self._namespace, self.cron_job = cron_job["metadata"]["namespace"], cron_job["metadata"]["name"]
        self.job, self.lines, self.result, self.seconds = "", [], {}, 0.0

    def follow(self, timeout):
        """Make the Job, or join the one that the CronJob is just running, and wait for its end.

        :raises JobFailed: it failed, vanished, or did not end in `timeout` seconds.
        """
        began, said, newest = time.monotonic(), time.monotonic(), ""
        self.job = self._start()
        while True:
            found = self._api.get(reference("Job", self._namespace, self.job))
            self.seconds = time.monotonic() - began
            if not found:
                raise JobFailed(f"Job {self.job} was removed before it ended")
            try:
                done = not pending(found)
            except Hopeless as error:
                self._read()
                raise JobFailed("\n".join([f"Job {self.job} {error}", *explain(self._api, found)])) from error
            if done:
                return self._read()
            if self.seconds > timeout:
                raise JobFailed("\n".join([f"Job {self.job} goes on after {timeout} s", *explain(self._api, found)]))
            line, quiet = self._progress(), time.monotonic() - said
            if (line != newest and quiet > SAY_SECONDS) or quiet > WAIT_SECONDS:
                said, newest = time.monotonic(), line
                self._say(textwrap.shorten(f"{self.cron_job} {self.seconds:.0f} s: {line}", WIDTH, placeholder=" …"))
            time.sleep(POLL_SECONDS)

    def _start(self):
        for active in (self._cron_job.get("status") or {}).get("active", []):
            self._say(f"{self.cron_job}: {active['name']} is running already")
            return active["name"]
        job = job_of(self._cron_job)
        self._api.request("POST", self._api.path(job, collection=True), body=job)
        return job["metadata"]["name"]

    def _pod(self):
        """The newest pod of the Job, or None."""
        query = {"labelSelector": f"batch.kubernetes.io/job-name={self.job}"}
        pods = self._api.request("GET", self._api.path(reference("Pod", self._namespace), collection=True), query)["items"]
        return max(pods, key=lambda pod: pod["metadata"]["creationTimestamp"], default=None)

    def _log(self, pod, container, lines):
        try:
            query = {"container": container, "tailLines": lines}
            path = f"{self._api.path(reference('Pod', self._namespace, pod))}/log"
            return self._api.request("GET", path, query, raw=True).splitlines()
        except ApiError:  # not started yet, or its node is away
            return []

    def _progress(self):
        """The newest line of what runs now, or what the pod waits for."""
        pod = self._pod()
        if not pod:
            return "waits for its pod"
        name, status = pod["metadata"]["name"], pod.get("status") or {}
        states = status.get("initContainerStatuses", []) + status.get("containerStatuses", [])
        running = [state["name"] for state in states if "running" in state["state"]]
        for container in reversed(running):
            if lines := self._log(name, container, 1):
                return lines[-1]
        waiting = [f"{s['name']}: {s['state']['waiting'].get('reason')}" for s in states if "waiting" in s["state"]]
        unmet = [c["message"] for c in status.get("conditions") or [] if c["status"] != "True" and c.get("message")]
        return "; ".join(unmet or waiting) or f"pod is {status.get('phase')}"

    def _read(self):
        """Keep the last lines of the Job's last container; the last one that is a JSON object is its result."""
        if pod := self._pod():
            self.lines = self._log(pod["metadata"]["name"], pod["spec"]["containers"][-1]["name"], LINES)
            self.result = next((found for line in reversed(self.lines) if (found := _object(line))), {})


def _object(line):
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def findings(run, system, fault=""):
    """What the run's program found, and how the run itself ended."""
    own = [finding for finding in run.result.get("findings", []) if isinstance(finding, dict)]
    found = _short(fault) or " ".join(filter(None, (str(run.result.get("id", "")), f"in {run.seconds:.0f} s")))
    end = {"system": system, "check": run.cron_job, "ok": not fault, "found": found, "seconds": round(run.seconds, 1)}
    return [*own, end]


def _short(fault):
    """The head of a fault and the last lines that a container printed."""
    head, *details = fault.splitlines() or [""]
    printed = [line.strip(" |") for line in details if line.strip().startswith("|")]
    return " ".join([head, *printed[-2:]])
