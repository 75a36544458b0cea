"""Packages, units, and the state of Kubernetes on this machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

KUBERNETES = Path("/etc/kubernetes")
API_SERVER_TAG = re.compile(r"image:.*kube-apiserver:v([0-9.]+)")


def output_lines(*command: str) -> list[str]:
    """Output lines of a command; none when it is not there or fails."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    return answer.stdout.splitlines() if answer.returncode == 0 else []


def packages() -> list[str]:
    """Names of the installed packages."""
    if Path("/usr/bin/dpkg-query").exists():
        rows = (line.split() for line in output_lines("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\\n"))
        return sorted({row[1] for row in rows if row[0].startswith("ii")})
    return sorted(set(output_lines("rpm", "-qa", "--qf", "%{NAME}\\n")))


def ready_units() -> list[str]:
    """Services and timers that run now and start at boot."""
    kinds = ("--type=service,timer", "--no-legend", "--plain")
    active = {line.split()[0] for line in output_lines("systemctl", "list-units", "--state=active", *kinds)}
    enabled = {line.split()[0] for line in output_lines("systemctl", "list-unit-files", "--state=enabled", *kinds)}
    return sorted(active & enabled)


def kubelet_version() -> str:
    """Version of the kubelet that runs, which need not be the one on disk; of that one when none runs, "" when there is none."""
    pid = output_lines("systemctl", "show", "--property=MainPID", "--value", "kubelet") or ["0"]
    for program in (f"/proc/{pid[0]}/exe", "/usr/local/bin/kubelet", "/usr/bin/kubelet"):
        if answer := output_lines(program, "--version"):
            return answer[0].rpartition("v")[2]
    return ""


def kubernetes() -> dict:
    """{joined: whether this machine is part of a cluster, kubelet, api_server: versions, "" where there is none}."""
    manifest = KUBERNETES / "manifests/kube-apiserver.yaml"
    tag = API_SERVER_TAG.search(manifest.read_text()) if manifest.exists() else None
    return {
        "joined": (KUBERNETES / "kubelet.conf").exists(),
        "api_server": tag.group(1) if tag else "",
        "kubelet": kubelet_version(),
    }


def distribution() -> dict:
    """{id, version} as /etc/os-release has them, such as debian and 13."""
    values = {}
    for line in Path("/etc/os-release").read_text().splitlines():
        name, _, value = line.partition("=")
        values[name] = value.strip("\"'")
    return {"id": values.get("ID", ""), "version": values.get("VERSION_ID", "")}


def machine_id() -> str:
    """The machine's id, "" when it has none yet."""
    path = Path("/etc/machine-id")
    return path.read_text().strip() if path.exists() else ""
