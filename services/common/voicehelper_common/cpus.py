"""How much processor a service has: threads beyond the quota of its container only wait for each other."""

from __future__ import annotations

import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cpus(quota: Path = QUOTA) -> int:
    """Whole processors that this process may use: those of its cgroup's quota (v2), at most those it may run on; at least 1."""
    cpus = len(os.sched_getaffinity(0))
    try:
        allowed, period = quota.read_text().split()
    except (OSError, ValueError):
        return cpus
    return cpus if allowed == "max" else max(1, min(cpus, int(allowed) // int(period)))
