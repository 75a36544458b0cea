"""Who runs: a Lease in the cluster that one run at a time holds, and the program that keeps it while that run lives."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bootstrap.errors import BootstrapError
from bootstrap.kube.api import ApiError, KubeApi

LEASE = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": "voicehelper-run", "namespace": "kube-system"},
}
RENEW_SECONDS = 5
LEASE_SECONDS = 30  # a holder that was silent for so long is dead: its machine lost power, or its network
_LOOK_SECONDS = 1
_CONFLICT = 409


class Held(BootstrapError):
    """Another run holds the lock; the text names it."""


def identity(process: int) -> str:
    """Who a run is, as its lock says: user, machine, process and the playbooks it was called with."""
    playbooks = [Path(word).name for word in sys.argv[1:] if word.endswith((".yml", ".yaml")) and "=" not in word]
    return " ".join([f"{getpass.getuser()}@{socket.gethostname()}:{process}", *playbooks])


def acquire(api: KubeApi, holder: str) -> bool:
    """Take the lock; gives False when `holder` has it already.

    A lock whose holder does not renew it for `LEASE_SECONDS`, as seen from here and so by one clock, is taken over.

    :raises Held: another run lives and holds it.
    :raises ApiError: the API refuses, for another reason than a run that came first.
    """
    seen, deadline = None, time.monotonic() + LEASE_SECONDS
    while True:
        found = api.get(LEASE)
        owner = (found or {}).get("spec", {}).get("holderIdentity")
        if owner == holder:
            return False
        version = found["metadata"]["resourceVersion"] if found else None
        dead = not owner or time.monotonic() > deadline
        if seen and version != seen and owner:
            raise Held(f"{owner}, since {found['spec']['acquireTime'][:19]}Z")
        if dead:
            try:
                _write(api, holder, found)
                return True
            except ApiError as error:
                if error.status != _CONFLICT:
                    raise
                version = None  # somebody was quicker: whether he lives shows at his next sign
                deadline = time.monotonic() + LEASE_SECONDS
        seen = version or seen
        time.sleep(_LOOK_SECONDS)


def renew(api: KubeApi, holder: str) -> bool:
    """Say that the holder lives; gives False when the lock is another's by now, or gone."""
    found = api.get(LEASE)
    if not found or found["spec"].get("holderIdentity") != holder:
        return False
    _write(api, holder, found)
    return True


def release(api: KubeApi, holder: str) -> None:
    """Give the lock back, if it is still the holder's."""
    found = api.get(LEASE)
    if found and found["spec"].get("holderIdentity") == holder:
        api.request("DELETE", api.path(LEASE), body={"preconditions": {"resourceVersion": found["metadata"]["resourceVersion"]}})


def _write(api: KubeApi, holder: str, found: dict[str, Any] | None) -> None:
    """Write the lock over what was found; a conflict when somebody else did meanwhile."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    before = (found or {}).get("spec", {})
    acquired = before["acquireTime"] if before.get("holderIdentity") == holder else now
    item = {**LEASE, "metadata": dict(LEASE["metadata"])}
    item["spec"] = {"holderIdentity": holder, "leaseDurationSeconds": LEASE_SECONDS, "acquireTime": acquired, "renewTime": now}
    if found:
        item["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
        api.request("PUT", api.path(LEASE), body=item)
    else:
        api.request("POST", api.path(LEASE, collection=True), body=item)


def start_keeper(kubeconfig: str, holder: str, process: int) -> None:
    """Keep the lock from a process of its own for as long as `process` lives: that may be killed at any time, or be busy for minutes."""
    command = [sys.executable, "-m", __name__, kubeconfig, holder, str(process)]
    subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def keep(kubeconfig: str, holder: str, process: int) -> None:
    """Renew until the process is gone or the lock is; then give it back."""
    renewed = time.monotonic()
    while _lives(process):  # asked right before each sign of life: one after the end would have the next run told that this one is at work
        if time.monotonic() - renewed >= RENEW_SECONDS:
            renewed = time.monotonic()
            try:
                if not renew(KubeApi(kubeconfig, patience=0), holder):
                    return
            except (ApiError, OSError):  # the API restarts, or its CAs change: tried again at the next turn
                pass
        time.sleep(_LOOK_SECONDS)
    release(KubeApi(kubeconfig), holder)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    keep(sys.argv[1], sys.argv[2], int(sys.argv[3]))
