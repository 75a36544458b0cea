"""Says whether a Kubernetes object does its work, and if not, what an operator needs to know about it."""

from __future__ import annotations

from bootstrap.errors import BootstrapError

_LOG_LINES = 8
_EVENTS = 6


class Hopeless(BootstrapError):
    """The object will not become ready however long one waits."""


def describe(reference):
    """`StatefulSet voicehelper-storage/postgres-master`"""
    meta = reference["metadata"]
    return f"{reference['kind']} {'/'.join(filter(None, (meta.get('namespace'), meta['name'])))}"


def awaited(definition):
    """True for the kinds that have something to wait for."""
    return definition["kind"] in _PENDING


def pending(found, condition=None):
    """What is still missing for an object, or '' once it is ready.

    :param found: the object as the server has it, or None.
    :param condition: `{type, status}` that decides instead of the rule for the kind.
    :raises Hopeless: when it has failed for good.
    """
    if not found:
        return "does not exist"
    status, spec = found.get("status") or {}, found.get("spec") or {}
    if condition:
        return _condition(status, condition["type"], str(condition.get("status", "True")))
    if status.get("observedGeneration", 1 << 62) < found["metadata"].get("generation", 0):
        return "the controller has not seen the change yet"
    return _PENDING.get(found["kind"], _any)(spec, status)


def _count(have, want, what):
    return "" if have >= want else f"{have}/{want} {what}"


def _deployment(spec, status):
    want = spec.get("replicas", 1)
    return (
        _count(status.get("updatedReplicas", 0), want, "updated")
        or _count(status.get("availableReplicas", 0), want, "available")
        or _count(want, status.get("replicas", 0), "left: old pods are still ending")
    )


def _stateful_set(spec, status):
    want = spec.get("replicas", 1)
    rolls = spec.get("updateStrategy", {}).get("type") != "OnDelete"
    return (rolls and _count(status.get("updatedReplicas", 0), want, "updated")) or _count(
        status.get("availableReplicas", 0), want, "available"
    )


def _daemon_set(spec, status):
    want = status.get("desiredNumberScheduled", 0)
    rolls = spec.get("updateStrategy", {}).get("type") != "OnDelete"
    if "observedGeneration" not in status:
        return "not scheduled yet"
    return (rolls and _count(status.get("updatedNumberScheduled", 0), want, "updated")) or _count(
        status.get("numberAvailable", 0), want, "available"
    )


def _job(_spec, status):
    failed = [c for c in (status.get("conditions") or []) if c["type"] == "Failed" and c["status"] == "True"]
    if failed:
        raise Hopeless(f"failed: {failed[0].get('reason')}: {failed[0].get('message')}")
    return _condition(status, "Complete")


def _condition(status, kind, wanted="True"):
    for item in status.get("conditions") or []:
        if item["type"] == kind:
            detail = item.get("message") or item.get("reason", "")
            return "" if item["status"] == wanted else f"{kind}={item['status']} {detail}".strip()
    return f"has no condition {kind} yet"


def _service(spec, status):
    if spec.get("type") == "LoadBalancer" and not status.get("loadBalancer", {}).get("ingress"):
        return "has no load balancer address"
    return ""


def _any(_spec, status):
    known = {item["type"] for item in (status.get("conditions") or [])}
    return _condition(status, "Ready") if "Ready" in known else ""


_PENDING = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "CustomResourceDefinition": lambda _spec, status: _condition(status, "Established"),
    "APIService": lambda _spec, status: _condition(status, "Available"),
    "Service": _service,
}


def explain(api, found):
    """Lines that say why an object is not ready: its conditions, its pods with containers and logs, its last events."""
    meta = found["metadata"]
    lines = [
        f"condition {c['type']}={c['status']} {c.get('reason', '')}: {c.get('message', '')}"
        for c in ((found.get("status") or {}).get("conditions") or [])
        if c.get("message")
    ]
    names = {meta["name"]}
    for pod in _pods(api, found):
        names.add(pod["metadata"]["name"])
        lines += _pod_lines(api, pod)
    if meta.get("namespace"):
        events = [e for e in _listed(api, "Event", meta["namespace"]) if _concerns(e["involvedObject"]["name"], names)]
        events.sort(key=lambda e: e.get("lastTimestamp") or e.get("eventTime") or "")
        lines += [_event_line(event) for event in events[-_EVENTS:]]
    return lines


def _event_line(event):
    return f"event {event['involvedObject']['name']} {event.get('reason')}: {(event.get('message') or '').strip()}"


def _listed(api, kind, namespace):
    path = api.path({"apiVersion": "v1", "kind": kind, "metadata": {"namespace": namespace}}, collection=True)
    return [{"apiVersion": "v1", "kind": kind, **item} for item in api.request("GET", path)["items"]]  # a list leaves these out


def _concerns(name, names):
    return name in names or any(name.endswith(f"-{known}") for known in names)  # claims are called <template>-<pod>


def _pods(api, found):
    labels = ((found.get("spec") or {}).get("selector") or {}).get("matchLabels")
    return api.pods(found["metadata"]["namespace"], labels) if labels else []


def _pod_lines(api, pod):
    status, name = pod.get("status") or {}, pod["metadata"]["name"]
    containers = status.get("initContainerStatuses", []) + status.get("containerStatuses", [])
    troubled = [c for c in containers if not c["ready"] and c["state"].get("terminated", {}).get("exitCode") != 0]
    if containers and not troubled:
        return []
    lines = [f"pod {name} {status.get('phase')} on {pod['spec'].get('nodeName') or 'no node yet'}"]
    unmet = [c for c in (status.get("conditions") or []) if c["status"] != "True" and c.get("message")]
    lines += [f"  {condition['type']}: {condition['message']}" for condition in unmet]
    for container in troubled:
        state, detail = next(iter(container["state"].items()), ("unknown", {}))
        last = (container.get("lastState") or {}).get("terminated") or {}
        words = [container["name"], state, detail.get("reason"), detail.get("message")]
        words.append(f"restarts {container['restartCount']}")
        words.append(last and f"last exit {last.get('exitCode')} {last.get('reason', '')}")
        lines.append("  container " + " ".join(str(word) for word in words if word))
        lines += [f"    | {line}" for line in _log(api, pod, container, previous=bool(last and state != "running"))]
    return lines


def _log(api, pod, container, previous):
    if not (container.get("containerID") or previous):
        return []
    try:
        query = {"container": container["name"], "tailLines": _LOG_LINES, "previous": str(previous).lower()}
        return str(api.request("GET", f"{api.path(pod)}/log", query, raw=True)).splitlines()[-_LOG_LINES:]
    except Exception as error:  # the report must come out even when the node that holds the log is gone
        return [f"(no log: {error})"]
