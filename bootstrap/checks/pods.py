"""Scripts that run in short-lived pods, and what they found."""

from __future__ import annotations

import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

from bootstrap.kube.api import ApiError, KubeApi
from bootstrap.kube.status import explain

# One look may meet a crowded machine: a finding is red when a second look and the script's patience have not changed it. Who was let in,
# though, was let in. What a script defines itself has no underscore before its name.
PRELUDE = r"""
until=$(($(date +%s) + ${patience:-0}))
_report() { printf '%s\t%s\t%s\n' "$1" "$2" "$(printf %s "$3" | tr '\n\t' '  ')"; }
_settled() {
  tries=0
  while :; do
    if outcome=$("$@"); then return; fi
    tries=$((tries + 1))
    [ "$tries" -lt 2 ] || [ "$(date +%s)" -lt "$until" ] || return
    sleep "${pause:-2}"
  done
}
_answered() { if found=$("$@" 2>&1); then _report ok "$what" "$found"; else _report failed "$what" "$found"; false; fi; }
_turned_away() {
  if found=$("$@" 2>&1); then _report failed "$what" "was let in: $found"
  elif printf %s "$found" | grep -q -- "$why"; then _report ok "$what" "$found"
  else _report failed "$what" "$found"; false; fi
}
works() { what=$1; shift; _settled _answered "$@"; printf '%s\n' "$outcome"; }
refused() { what=$1; why=$2; shift 2; _settled _turned_away "$@"; printf '%s\n' "$outcome"; }
"""
_ENDED = ("Succeeded", "Failed")
_NOT_STARTED = ("StartError", "ContainerCannotRun")
_MORE_TRIES = 2
_AT_ONCE = {"gracePeriodSeconds": 0}
_PARTS = 4  # containers of a pod: what a namespace's quota still has room for need not be room for all systems' at once
_MOST = 8  # pods at a time: each starts an interpreter or a JVM a container, and a crowd of them ends later than a queue
_LABELS = {"app.kubernetes.io/name": "check"}


def _dashed(system):
    """A system's name as Kubernetes takes it: roles are named with underscores."""
    return system["system"].replace("_", "-")


class Pod:
    """Checks that have labels and a place alike, of one system or of many: one pod with a container for each.

    :param parts: (system, what it says of the pod) of each; the system has name, namespace and timeout.
    """

    def __init__(self, image, parts):
        (system, first), *_ = parts
        names = {system["system"] for system, _ in parts}
        self.image, self.namespace, self.labels, self.avoid = image, system["namespace"], first["labels"], first["avoid"]
        self.name = "-".join(["check", *([_dashed(system)] if len(names) == 1 else []), first["name"]])
        self.parts = {f"{_dashed(system)}-{pod['name']}": (system, pod) for system, pod in parts}
        self.timeout = max(system["timeout"] for system, _ in parts)

    def definition(self, suffix):
        """The pod, within what Pod Security `restricted` allows."""
        files = [(name, path, volume) for name, (_, pod) in self.parts.items() for path, volume in pod["files"].items()]
        spec = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
            "activeDeadlineSeconds": self.timeout,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "fsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [self._container(name, files) for name in self.parts],
            "volumes": [{"name": f"files-{n}", **volume} for n, (_, _, volume) in enumerate(files)],
        }
        if self.avoid:
            term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": self.avoid}}
            preferred = [{"weight": 100, "podAffinityTerm": term}]
            spec["affinity"] = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
        meta = {"name": f"{self.name}-{suffix}", "namespace": self.namespace, "labels": {**_LABELS, **self.labels}}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}

    def _container(self, name, files):
        system, pod = self.parts[name]
        mounts = [(n, path) for n, (owner, path, _) in enumerate(files) if owner == name]
        return {
            "name": name,
            "image": self.image,
            "command": ["/bin/sh", "-c", f"patience={system['timeout'] // 2}\n{PRELUDE}{pod['script']}"],
            "env": pod["env"],
            "volumeMounts": [{"name": f"files-{n}", "mountPath": path, "readOnly": True} for n, path in mounts],
            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "384Mi"}},
            "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
        }


def together(image, systems):
    """The pods of all systems; those that are alike to the network and the scheduler share pods, a few in each."""
    alike = {}
    for system in systems:
        for pod in system["pods"]:
            key = json.dumps([system["namespace"], pod["labels"], pod["avoid"]], sort_keys=True)
            alike.setdefault(key, []).append((system, pod))
    return [Pod(image, parts[first : first + _PARTS]) for parts in alike.values() for first in range(0, len(parts), _PARTS)]


def findings(system, output):
    """What the script's lines say; other lines are none of its findings."""
    lines = [line.split("\t", 2) for line in output.splitlines() if line.count("\t") == 2]
    return [{"system": system, "check": check, "ok": outcome == "ok", "found": found} for outcome, check, found in lines]


def never_ran(pod):
    """Whether a pod failed because the node could not start its container, which says nothing about what it was to check."""
    states = [status.get("state", {}).get("terminated") or {} for status in pod["status"].get("containerStatuses", [])]
    return pod["status"].get("phase") == "Failed" and any(state.get("reason") in _NOT_STARTED for state in states)


def admit(api, item, deadline):
    """Make a pod; where the namespace's quota has no room, once pods of other checks have ended, which then no longer count."""
    while True:
        try:
            return api.request("POST", api.path(item, collection=True), body=item)
        except ApiError as error:
            if error.status != 403 or "exceeded quota" not in error.message or time.monotonic() > deadline:
                raise
        time.sleep(1)


def ended(api, item, deadline):
    """The pod once it has ended, or as it is when the time is over; None when it is gone."""
    found = api.get(item)
    while found and found["status"].get("phase") not in _ENDED and time.monotonic() < deadline:
        time.sleep(0.5)
        found = api.get(item)
    return found


def read(api, pod, item, found):
    """What each container of a pod found, by its name; that it did not end well is a finding too."""
    phase, results = found["status"].get("phase") if found else "gone", {}
    states = {status["name"]: status.get("state", {}) for status in found["status"].get("containerStatuses", [])} if found else {}
    for name, (system, _) in pod.parts.items():
        ended, results[name] = states.get(name, {}).get("terminated"), []
        if ended:
            log = api.request("GET", f"{api.path(item)}/log", {"container": name}, raw=True)
            results[name] = findings(system["system"], str(log))
        if not ended or ended.get("exitCode"):
            reason = "; ".join(explain(api, found)) if found else ""
            check = f"pod {item['metadata']['name']}, container {name} ends"
            results[name].append({"system": system["system"], "check": check, "ok": False, "found": f"{phase} {reason}".strip()})
    return results


def left_over(pod):
    """Whether a pod is older than it may become: its run lost the API before it could remove it."""
    age = datetime.now(UTC) - datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
    return age > timedelta(seconds=pod["spec"]["activeDeadlineSeconds"])


def sweep(api, namespaces):
    """Remove what earlier runs left."""
    for pod in [pod for namespace in namespaces for pod in api.pods(namespace, _LABELS)]:
        if left_over(pod):
            api.delete(pod, _AT_ONCE)


def run(parameters):
    """What the pods of all systems found, system after system; some run at a time, those that may take longest first."""
    if not (systems := parameters["systems"]):
        return []
    sweep(KubeApi(parameters["kubeconfig"]), sorted({system["namespace"] for system in systems}))
    pods = sorted(together(parameters["image"], systems), key=lambda pod: -pod.timeout)
    with ThreadPoolExecutor(_MOST) as pool:
        found = {name: result for results in pool.map(partial(_one, parameters["kubeconfig"]), pods) for name, result in results.items()}
    return [finding for system in systems for pod in system["pods"] for finding in found[f"{_dashed(system)}-{pod['name']}"]]


def _one(kubeconfig, pod):
    """Make a pod, collect, and remove it whatever happens."""
    api, made = KubeApi(kubeconfig), []

    def make():
        item = pod.definition(secrets.token_hex(3))
        admit(api, item, time.monotonic() + pod.timeout)
        made.append(item)
        return item

    try:
        item = make()
        deadline = time.monotonic() + pod.timeout
        found = ended(api, item, deadline)
        for _ in range(_MORE_TRIES):
            if not found or not never_ran(found):
                break
            item = make()
            found = ended(api, item, deadline)
        return read(api, pod, item, found)
    finally:
        for item in made:
            api.delete(item, _AT_ONCE)
