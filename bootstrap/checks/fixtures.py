"""Fixtures of the checks: a namespace for their time, pods on every node that probe each other, and all that they need."""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bootstrap.checks.base import POLL_SECONDS, Finding, Site
from bootstrap.kube.api import ApiError
from bootstrap.kube.status import explain

OPEN, GUARDED = 8080, 8081  # a probe pod answers anyone on the first port, only admitted pods on the second
SCRIPT = Path(__file__).with_name("probe_pod.py").read_text()
_ORPHANED = timedelta(minutes=15)
_SECURITY = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
_USER = 65532

# Probes that each pod is to make: check name → function of (fixtures, pod name).
Probe = Callable[["Fixtures", str], Iterable[dict[str, Any]]]
PROBES: dict[str, Probe] = {}


def probes(name: str) -> Callable[[Probe], Probe]:
    """Make a function the source of a check's probes; all checks' probes go to a pod in one call."""

    def register(function: Probe) -> Probe:
        PROBES[name] = function
        return function

    return register


class Fixtures:
    """Made on entering, removed on leaving, whatever happened between."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.namespace = f"verify-{secrets.token_hex(3)}"
        self.token = secrets.token_hex(8)
        places = list(site.nodes)
        self.pods = {f"probe-{number}": node for number, node in enumerate(places if len(places) > 1 else places * 2)}
        self.addresses: dict[str, str] = {}
        self._lock = threading.Lock()
        self._results: dict[str, list[Finding]] | None = None

    @property
    def admitted(self) -> str:
        """The one probe pod that the network policy lets in everywhere."""
        return next(iter(self.pods))

    def __enter__(self) -> Fixtures:
        self._sweep()
        levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
        meta = {"name": self.namespace, "labels": {self.site.label: "true", **levels}}
        try:
            self.make({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
            self.make(_object("v1", "ServiceAccount", "default", automountServiceAccountToken=False))  # sooner than the controller does
            with ThreadPoolExecutor(6) as pool:
                list(pool.map(self.make, [*_objects(), *(self._probe_pod(name, node) for name, node in self.pods.items())]))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ApiError):
            self.site.api.request("DELETE", f"/api/v1/namespaces/{self.namespace}", {"propagationPolicy": "Background"})

    def make(self, definition: dict[str, Any]) -> dict[str, Any]:
        """Make an object in the namespace."""
        if definition["kind"] != "Namespace":
            definition["metadata"]["namespace"] = self.namespace
        return self.site.api.apply(definition, "verify")

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """An object of the namespace as it is now."""
        return self.site.api.get({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": self.namespace}})

    def delete(self, kind: str, name: str) -> None:
        """Remove an object of the namespace at once."""
        reference = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": self.namespace}}
        self.site.api.request("DELETE", self.site.api.path(reference), {"gracePeriodSeconds": "0"})

    def log(self, pod: str) -> str:
        """What a pod has printed."""
        return str(self.site.api.request("GET", f"/api/v1/namespaces/{self.namespace}/pods/{pod}/log")).strip()

    def await_pod(self, name: str, *phases: str) -> dict[str, Any]:
        """The pod once it is in one of the phases. Raises RuntimeError, saying why it is not, when patience ends."""
        while True:
            pod = self.get("Pod", name)
            phase = pod["status"].get("phase") if pod else "gone"
            if phase in phases:
                return pod
            if phase in ("gone", "Failed") or time.monotonic() > self.site.deadline:
                raise RuntimeError(f"pod {name} is {phase}, wanted {' or '.join(phases)}. {' '.join(self._reasons(pod))}")
            time.sleep(POLL_SECONDS)

    def _reasons(self, pod: dict[str, Any] | None) -> list[str]:
        """Why a pod, or a claim that it waits for, is not where it should be."""
        if not pod:
            return []
        volumes = [volume.get("persistentVolumeClaim") for volume in pod["spec"].get("volumes", [])]
        claims = [self.get("PersistentVolumeClaim", claim["claimName"]) for claim in volumes if claim]
        return [line for item in (pod, *filter(None, claims)) for line in explain(self.site.api, item)]

    def findings(self, check: str) -> list[Finding]:
        """What all pods found for a check; the first who asks lets them probe."""
        with self._lock:
            if self._results is None:
                self._results = self._probe()
        return self._results.get(check, [])

    def _probe(self) -> dict[str, list[Finding]]:
        """Findings by check. A pod that does not run fails for its node; the others probe each other all the same."""
        results: dict[str, list[Finding]] = {name: [] for name in PROBES}
        with ThreadPoolExecutor(len(self.pods)) as pool:
            for name, (address, error) in zip(self.pods, pool.map(self._address, self.pods), strict=True):
                if address:
                    self.addresses[name] = address
                for check in PROBES if error else ():
                    results[check].append(Finding(check, self.pods[name], False, error))
            for findings in pool.map(self._probe_from, self.addresses):
                for finding in findings:
                    results[finding.check].append(finding)
        return results

    def _address(self, pod: str) -> tuple[str, str]:
        """A probe pod's address, or why it has none."""
        try:
            return self.await_pod(pod, "Running")["status"]["podIP"], ""
        except (RuntimeError, ApiError) as error:
            return "", str(error)

    def _probe_from(self, pod: str) -> list[Finding]:
        """Let one pod make the probes of all checks, in one call. What is well is one finding a check, what is not one each."""
        plan = [{"check": name, **probe} for name, function in PROBES.items() for probe in function(self, pod)]
        patience = max(self.site.deadline - time.monotonic(), 5)
        command = ["exec", "--stdin", f"--namespace={self.namespace}", pod, "--", "python3", "-c", SCRIPT, "probe"]
        try:
            answers = json.loads(self.site.run_kubectl(*command, stdin=json.dumps({"probes": plan, "patience": patience / 2})))
        except (RuntimeError, ValueError) as error:
            return [Finding(name, self.pods[pod], False, str(error)) for name in PROBES]
        findings = [
            Finding(probe["check"], f"{self.pods[pod]} → {probe['target']}", answer["ok"], answer["detail"], answer["seconds"])
            for probe, answer in zip(plan, answers, strict=True)
        ]
        return [finding for name in PROBES for finding in _folded([f for f in findings if f.check == name])]

    def _probe_pod(self, name: str, node: str) -> dict[str, Any]:
        labels = {"app": "probe", "guest": "admitted" if name == self.admitted else "stranger"}
        definition = self.pod(name, ["python3", "-c", SCRIPT, "serve", name, str(OPEN), str(GUARDED)], labels=labels)
        # By the scheduler, as a DaemonSet: a node without room for the moment lets the pod wait, where `nodeName` would fail it for good.
        there = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
        affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [there]}}}
        definition["spec"] |= {"affinity": affinity, "tolerations": [{"operator": "Exists"}]}
        return definition

    def pod(self, name: str, command: list[str], *, labels: dict[str, str] | None = None, claim: str = "") -> dict[str, Any]:
        """A pod within what Pod Security ``restricted`` allows; ``claim`` is mounted at /data."""
        container = {
            "name": "main",
            "image": self.site.image,
            "command": command,
            "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"memory": "96Mi"}},
            "securityContext": _SECURITY,
            "volumeMounts": [{"name": "data", "mountPath": "/data"}] if claim else [],
        }
        spec = {
            "restartPolicy": "OnFailure",  # a crowded node may fail to start a container once
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
            "activeDeadlineSeconds": int(self.site.patience) + 60,
            "securityContext": {"runAsNonRoot": True, "runAsUser": _USER, "fsGroup": _USER, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}] if claim else [],
        }
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {}}, "spec": spec}

    def _sweep(self) -> None:
        """Remove orphans: what a run that was cut off could not remove."""
        for space in self.site.items("/api/v1/namespaces", labelSelector=self.site.label):
            age = datetime.now(UTC) - datetime.fromisoformat(space["metadata"]["creationTimestamp"])
            if age > _ORPHANED and space["status"]["phase"] == "Active":
                self.site.api.request("DELETE", f"/api/v1/namespaces/{space['metadata']['name']}")


def _folded(findings: list[Finding]) -> list[Finding]:
    """One finding for all that are well, which come from one pod."""
    well, failed = [f for f in findings if f.ok], [f for f in findings if not f.ok]
    if len(well) < 2:
        return findings
    source = well[0].target.split(" → ")[0]
    targets = ", ".join(f.target.split(" → ")[1] for f in well)
    details = "; ".join(dict.fromkeys(f.detail for f in well))
    return [Finding(well[0].check, f"{source} → {targets}", True, details, max(f.seconds for f in well)), *failed]


def _object(version: str, kind: str, name: str, **rest: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **rest}


def _objects() -> list[dict[str, Any]]:
    """Services of the probe pods, and the policy that guards their second port."""
    selector, port = {"app": "probe"}, {"port": 80, "targetPort": OPEN}
    admitted = [{"podSelector": {"matchLabels": {"guest": "admitted"}}}]
    policy = {
        "podSelector": {"matchLabels": selector},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": [{"port": OPEN}]}, {"ports": [{"port": GUARDED}], "from": admitted}],
    }
    return [
        _object("networking.k8s.io/v1", "NetworkPolicy", "guard", spec=policy),
        _object("v1", "Service", "probe", spec={"selector": selector, "ports": [port]}),
        _object("v1", "Service", "front", spec={"type": "LoadBalancer", "selector": selector, "ports": [port]}),
    ]
