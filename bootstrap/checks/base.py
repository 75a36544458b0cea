"""What a check is, what it finds, and how all of them run at once."""

from __future__ import annotations

import base64
import subprocess
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bootstrap.errors import BootstrapError
from bootstrap.kube.api import KubeApi

POLL_SECONDS = 0.4


@dataclass(frozen=True)
class Finding:
    """What one check found about one target. ``seconds`` is how long it took until this was known."""

    check: str
    target: str
    ok: bool
    detail: str = ""
    seconds: float = 0.0

    def record(self) -> dict[str, Any]:
        """The finding as reports have it: ``result`` is ``ok`` or ``failed``."""
        found = asdict(self)
        return {**found, "result": "ok" if found.pop("ok") else "failed", "seconds": round(self.seconds, 2)}


@dataclass
class Site:
    """The cluster to check and what it is meant to be."""

    kubeconfig: str
    kubectl: str
    nodes: dict[str, str]  # name → address
    control_plane: list[str]
    api_address: str  # host:port by which users reach the API
    kubernetes_version: str
    cluster_domain: str
    image: str  # of the pods that probe: a shell, Python
    label: str  # marks everything that a check makes
    storage_class: str
    volumes: list[dict[str, Any]]  # static volumes: {name, system, …}
    guarded: list[str]  # namespaces that deny by default
    pod_encryption: str  # wireguard or none
    secret_days: dict[str, int]  # of the vault: name of a certificate → days until it ends
    rotating: dict[str, str]  # of the vault: name of a secret that has two values → step that its rotation reached
    lives: dict[str, float]  # site_certificate_lives
    patience: float  # seconds that a check may wait for the cluster to settle
    api: KubeApi = field(init=False)
    deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self.api = KubeApi(self.kubeconfig, patience=self.patience)
        self.deadline = time.monotonic() + self.patience

    @property
    def ca(self) -> str:
        """The cluster's CA, in PEM."""
        config = yaml.safe_load(Path(self.kubeconfig).read_text())
        return base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode()

    def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        """The objects of a collection, by its URL path."""
        return self.api.request("GET", path, query or None)["items"]

    def run_kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Output of kubectl, tried until patience is at its end: a crowded node may refuse once.

        Raises RuntimeError with its error text, or when it did not end.
        """
        command = [self.kubectl, f"--kubeconfig={self.kubeconfig}", *arguments]
        while True:
            left = max(self.deadline - time.monotonic(), 5)
            try:
                done = subprocess.run(command, input=stdin, capture_output=True, text=True, errors="replace", timeout=left, check=False)
            except subprocess.TimeoutExpired as late:
                raise RuntimeError(f"kubectl {arguments[0]} went on after {left:.0f} s") from late
            if not done.returncode:
                return done.stdout
            if time.monotonic() > self.deadline:
                raise RuntimeError(f"kubectl {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
            time.sleep(POLL_SECONDS)

    def settle(self, look: Callable[[], list[Finding]]) -> list[Finding]:
        """Look again and again until nothing is wrong or patience is at its end; gives the last findings."""
        while True:
            findings = look()
            if all(finding.ok for finding in findings) or time.monotonic() > self.deadline:
                return findings
            time.sleep(POLL_SECONDS)


Check = Callable[[Site, Any], Iterable[Finding]]
CHECKS: dict[str, Check] = {}
PROBING: set[str] = set()  # checks that make pods of their own


def check(name: str, *, probing: bool = False) -> Callable[[Check], Check]:
    """Make a function a check: it takes the site and the fixtures, and gives findings.

    ``probing`` checks need the fixtures: short-lived pods in a namespace of their own. The others only read.
    """

    def register(function: Check) -> Check:
        CHECKS[name] = function
        if probing:
            PROBING.add(name)
        return function

    return register


def run(site: Site, names: Iterable[str], setup: Callable[[Site], Any], *, read_only: bool = False) -> list[Finding]:
    """Run the named checks together and give what they found, in the order of their names.

    Raises BootstrapError, naming the known ones, for a check that does not exist.
    """
    wanted = [name for name in names if not (read_only and name in PROBING)]
    if unknown := [name for name in wanted if name not in CHECKS]:
        raise BootstrapError(f"unknown checks {', '.join(unknown)}; known: {', '.join(sorted(CHECKS))}")
    with setup(site) if PROBING.intersection(wanted) else nullcontext() as fixtures, ThreadPoolExecutor(len(wanted) or 1) as pool:
        return [finding for findings in pool.map(lambda name: _one(name, site, fixtures), wanted) for finding in findings]


def _one(name: str, site: Site, fixtures: Any) -> list[Finding]:
    began = time.monotonic()
    try:
        findings = list(CHECKS[name](site, fixtures)) or [Finding(name, "-", False, "there was nothing to look at")]
    except Exception as error:  # a check that breaks is a finding as well: the others still have their say
        findings = [Finding(name, "-", False, f"{type(error).__name__}: {error}" if not str(error) else str(error))]
    seconds = time.monotonic() - began
    return [finding if finding.seconds else Finding(**{**asdict(finding), "seconds": seconds}) for finding in findings]
