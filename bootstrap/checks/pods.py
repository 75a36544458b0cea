"""Scripts that run in short-lived pods, and what they found."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from bootstrap.kube.api import ApiError, KubeApi
from bootstrap.kube.status import explain

# One look may meet a crowded machine: a finding is red when a second look and the script's patience have not changed it. Who was let in,
# though, was let in.
PRELUDE = r"""
until=$(($(date +%s) + ${patience:-0}))
report() { printf '%s\t%s\t%s\n' "$1" "$2" "$(printf %s "$3" | tr '\n\t' '  ')"; }
settled() {
  tries=0
  while :; do
    if outcome=$("$@"); then return; fi
    tries=$((tries + 1))
    [ "$tries" -lt 2 ] || [ "$(date +%s)" -lt "$until" ] || return
    sleep "${pause:-2}"
  done
}
answered() { if found=$("$@" 2>&1); then report ok "$what" "$found"; else report failed "$what" "$found"; false; fi; }
turned_away() {
  if found=$("$@" 2>&1); then report failed "$what" "was let in: $found"
  elif printf %s "$found" | grep -q -- "$why"; then report ok "$what" "$found"
  else report failed "$what" "$found"; false; fi
}
works() { what=$1; shift; settled answered "$@"; printf '%s\n' "$outcome"; }
refused() { what=$1; why=$2; shift 2; settled turned_away "$@"; printf '%s\n' "$outcome"; }
"""
_ENDED = ("Succeeded", "Failed")
_NOT_STARTED = ("StartError", "ContainerCannotRun")
_MORE_TRIES = 2
_AT_ONCE = {"gracePeriodSeconds": 0}


def definition(parameters, pod, suffix):
    """The pod, within what Pod Security `restricted` allows."""
    name = f"check-{parameters['system']}-{pod['name']}-{suffix}"
    container = {
        "name": "check",
        "image": parameters["image"],
        "command": ["/bin/sh", "-c", f"patience={parameters['timeout'] // 2}\n{PRELUDE}{pod['script']}"],
        "env": pod["env"],
        "volumeMounts": [{"name": f"files-{n}", "mountPath": path, "readOnly": True} for n, path in enumerate(pod["files"])],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "384Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "activeDeadlineSeconds": parameters["timeout"],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "fsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": f"files-{n}", **volume} for n, volume in enumerate(pod["files"].values())],
    }
    if pod["avoid"]:
        term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": pod["avoid"]}}
        preferred = [{"weight": 100, "podAffinityTerm": term}]
        spec["affinity"] = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    meta = {"name": name, "namespace": parameters["namespace"], "labels": {**_labels(parameters), **pod["labels"]}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def _labels(parameters):
    return {"app.kubernetes.io/name": "check", "app.kubernetes.io/component": parameters["system"]}


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


def read(api, parameters, item, found):
    """What a pod found; that it did not end well is a finding too."""
    phase, result = found["status"].get("phase") if found else "gone", []
    if phase in _ENDED:
        result = findings(parameters["system"], str(api.request("GET", f"{api.path(item)}/log", raw=True)))
    if phase != "Succeeded":
        reason = "; ".join(explain(api, found)) if found else ""
        name = item["metadata"]["name"]
        result.append({"system": parameters["system"], "check": f"pod {name} ends", "ok": False, "found": f"{phase} {reason}".strip()})
    return result


def left_over(pod, seconds):
    """Whether a pod is older than any check is, for its run lost the API before it could remove it."""
    return datetime.now(UTC) - datetime.fromisoformat(pod["metadata"]["creationTimestamp"]) > timedelta(seconds=seconds)


def sweep(api, parameters):
    """Remove what earlier runs of this system's checks left."""
    for pod in api.pods(parameters["namespace"], _labels(parameters)):
        if left_over(pod, parameters["timeout"]):
            api.delete(pod, _AT_ONCE)


def run(parameters):
    """What the pods of all systems found, system after system; they run all at once."""
    shared = {name: parameters[name] for name in ("kubeconfig", "image")}
    with ThreadPoolExecutor(len(parameters["systems"]) or 1) as pool:
        found = pool.map(lambda system: _of_system({**shared, **system}), parameters["systems"])
        return [finding for of_system in found for finding in of_system]


def _of_system(parameters):
    """Make the pods, collect, remove them whatever happens, and those that earlier runs could not remove."""
    api, made = KubeApi(parameters["kubeconfig"]), []

    def make(pod):
        item = definition(parameters, pod, secrets.token_hex(3))
        admit(api, item, time.monotonic() + parameters["timeout"])
        made.append(item)
        return item, time.monotonic() + parameters["timeout"]

    sweep(api, parameters)
    try:
        result = []
        for pod, (item, deadline) in [(pod, make(pod)) for pod in parameters["pods"]]:
            found = ended(api, item, deadline)
            for _ in range(_MORE_TRIES):
                if not found or not never_ran(found):
                    break
                item, _ = make(pod)
                found = ended(api, item, deadline)
            result += read(api, parameters, item, found)
        return result
    finally:
        for item in made:
            api.delete(item, _AT_ONCE)
