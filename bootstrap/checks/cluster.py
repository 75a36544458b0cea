"""What the cluster says of itself: nodes, pods, volumes, metrics, and who may ask its API."""

from __future__ import annotations

import http.client
import ssl
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bootstrap.checks.base import Finding, Site, check

_REFUSALS = (401, 403)


@check("api")
def api(site: Site, _fixtures: Any) -> list[Finding]:
    """Every address of the API tells strangers that it lives, and nothing else."""
    context = ssl.create_default_context(cadata=site.ca)
    host, port = site.api_address.rsplit(":", 1)
    addresses = {site.api_address: host, **{name: site.nodes[name] for name in site.control_plane}}

    def look() -> Iterator[Finding]:
        for name, address in addresses.items():
            alive = _status(address, int(port), context, "/livez")
            refused = _status(address, int(port), context, "/api/v1/namespaces/kube-system/secrets")
            detail = f"anonymous: /livez {alive}, secrets {refused}"
            yield Finding("api", name, alive == 200 and refused in _REFUSALS, detail)

    return site.settle(lambda: list(look()))


def _status(host: str, port: int, context: ssl.SSLContext, path: str) -> int | str:
    connection = http.client.HTTPSConnection(host, port, context=context, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError as error:
        return str(error)
    finally:
        connection.close()


@check("nodes")
def nodes(site: Site, _fixtures: Any) -> list[Finding]:
    """Each node of the inventory is Ready, under no pressure, and its running kubelet has the wanted version."""

    def look() -> list[Finding]:
        found = {node["metadata"]["name"]: node for node in site.items("/api/v1/nodes")}
        return [_node(site, name, found.get(name)) for name in site.nodes]

    return site.settle(look)


def _node(site: Site, name: str, node: dict[str, Any] | None) -> Finding:
    if not node:
        return Finding("nodes", name, False, "is not in the cluster")
    version = node["status"]["nodeInfo"]["kubeletVersion"]
    wanted = f"v{site.kubernetes_version}"
    wrong = [f"kubelet {version}, wanted {wanted}"] if version != wanted else []
    for condition in node["status"]["conditions"]:
        if condition["status"] != str(condition["type"] == "Ready"):
            wrong.append(f"{condition['type']}={condition['status']} {condition.get('message', '')}".strip())
    if node["spec"].get("unschedulable"):
        wrong.append("is cordoned")
    return Finding("nodes", name, not wrong, "; ".join(wrong) or f"Ready, kubelet {version}")


@check("pods")
def pods(site: Site, _fixtures: Any) -> list[Finding]:
    """Each pod of each namespace runs and is ready, or has done its work."""

    def look() -> list[Finding]:
        spaces = site.items("/api/v1/namespaces", labelSelector=f"!{site.label}")
        kept = {space["metadata"]["name"] for space in spaces if space["status"]["phase"] == "Active"}
        grouped = defaultdict(list)
        for pod in site.items("/api/v1/pods"):
            if pod["metadata"]["namespace"] in kept and not _passing(pod):
                grouped[pod["metadata"]["namespace"]].append(pod)
        return [_namespace(name, members) for name, members in sorted(grouped.items())]

    return site.settle(look)


def _passing(pod: dict[str, Any]) -> bool:
    """Pods that come and go by design: those of jobs, bare ones, and those that are leaving."""
    owners = {owner["kind"] for owner in pod["metadata"].get("ownerReferences", [])}
    return not owners or "Job" in owners or "deletionTimestamp" in pod["metadata"]


def _namespace(name: str, members: list[dict[str, Any]]) -> Finding:
    troubled = [f"{pod['metadata']['name']} {_trouble(pod)}" for pod in members if _trouble(pod)]
    restarts = sum(c["restartCount"] for pod in members for c in pod["status"].get("containerStatuses", []))
    detail = ", ".join(troubled) or f"{len(members)} pods, {restarts} restarts"
    return Finding("pods", name, not troubled, detail)


def _trouble(pod: dict[str, Any]) -> str:
    status = pod["status"]
    if any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", [])):
        return ""
    waiting = [c["state"]["waiting"]["reason"] for c in status.get("containerStatuses", []) if c["state"].get("waiting")]
    return status.get("reason") or ", ".join(waiting) or f"{status.get('phase')}, not ready"


@check("images")
def images(site: Site, _fixtures: Any) -> list[Finding]:
    """Each container of the platform runs the image of the digest that its pod names: none goes by a tag alone, which can be moved."""

    def look() -> list[Finding]:
        ours = [pod for pod in site.items("/api/v1/pods") if _platforms(pod)]
        wrong = sorted({fault for pod in ours for fault in _by_tag(pod)})
        return [Finding("images", "by digest", bool(ours) and not wrong, "; ".join(wrong) or f"{len(ours)} pods")]

    return site.settle(look)


def _platforms(pod: dict[str, Any]) -> bool:
    meta = pod["metadata"]
    return meta["namespace"] == "kube-system" or meta.get("labels", {}).get("app.kubernetes.io/managed-by") == "ansible"


def _by_tag(pod: dict[str, Any]) -> Iterator[str]:
    """The containers of a pod that run, or may run, something else than their digest says."""
    where = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    for kind in ("initContainers", "containers"):
        running = {status["name"]: status["imageID"] for status in pod["status"].get(f"{kind[:-1]}Statuses", [])}
        for container in pod["spec"].get(kind, []):
            digest = container["image"].partition("@")[2]
            found = running.get(container["name"])
            if not digest:
                yield f"{where} names {container['image']}"
            elif found and not found.endswith(digest):
                yield f"{where} runs {found}, wanted {digest}"


@check("metrics")
def metrics(site: Site, _fixtures: Any) -> list[Finding]:
    """The metrics API knows every node's use, and kubectl shows it."""

    def look() -> list[Finding]:
        try:
            shown = site.run_kubectl("top", "nodes", "--no-headers")
        except RuntimeError as error:
            return [Finding("metrics", "kubectl top nodes", False, str(error))]
        used = {line.split()[0]: line.split() for line in shown.splitlines() if "<unknown>" not in line}
        missing = [name for name in site.nodes if name not in used]
        detail = f"nothing of {', '.join(missing)}" if missing else f"{len(used)} nodes"
        return [Finding("metrics", "kubectl top nodes", not missing, detail)]

    return site.settle(look)


@check("volumes")
def volumes(site: Site, _fixtures: Any) -> Iterable[Finding]:
    """Each static volume is there and to be had, or in use."""
    phases = {volume["metadata"]["name"]: volume["status"]["phase"] for volume in site.items("/api/v1/persistentvolumes")}
    systems = defaultdict(list)
    for volume in site.volumes:
        systems[volume["system"]].append(phases.get(volume["name"], "missing"))
    for system, found in sorted(systems.items()):
        detail = ", ".join(f"{count} {phase}" for phase, count in sorted(Counter(found).items()))
        yield Finding("volumes", system, not set(found) - {"Available", "Bound"}, detail)


@check("cron_jobs")
def cron_jobs(site: Site, _fixtures: Any) -> list[Finding]:
    """The last success of each CronJob is no older than its schedule and a run's longest time: failures are seen nowhere else."""
    found = [_cron_job(job, datetime.now(UTC)) for job in site.items("/apis/batch/v1/cronjobs")]
    return found or [Finding("cron_jobs", "-", True, "there are none")]


def _cron_job(job: dict[str, Any], now: datetime) -> Finding:
    spec, meta, succeeded = job["spec"], job["metadata"], job.get("status", {}).get("lastSuccessfulTime")
    age = now - datetime.fromisoformat(succeeded or meta["creationTimestamp"])
    run = timedelta(seconds=spec["jobTemplate"]["spec"].get("activeDeadlineSeconds", 0) + spec.get("startingDeadlineSeconds", 0))
    limit = _period(spec["schedule"]) + run
    past = f"last success {_hours(age)} ago" if succeeded else f"no success since it was made {_hours(age)} ago"
    return Finding("cron_jobs", f"{meta['namespace']}/{meta['name']}", age <= limit, f"{past}; wanted every {_hours(limit)}")


def _period(schedule: str) -> timedelta:
    """The most that lies between two runs: what is neither hourly nor daily is taken for monthly."""
    _, *others = schedule.split()
    if others == ["*"] * 4:
        return timedelta(hours=1)
    return timedelta(days=1) if others[1:] == ["*"] * 3 else timedelta(days=31)


def _hours(time: timedelta) -> str:
    return f"{time / timedelta(hours=1):.1f} h"
