"""Stops all members of a StatefulSet that would not speak to changed ones: replaced one at a time they would never end."""

from __future__ import annotations

import time

from bootstrap.kube.api import ApiError
from bootstrap.kube.status import describe

_MERGE = "application/merge-patch+json"


def stop_changed(api, objects, domain, timeout):
    """Stop each live StatefulSet of `objects` whose annotation `<domain>/together` will change; the apply that follows starts it anew.

    :param timeout: seconds until the last pod of one has to be gone; claims and volumes stay.
    :raises ApiError: the server refuses, or pods are left.
    """
    for item in objects:
        wanted = _together(item, domain)
        if item["kind"] == "StatefulSet" and wanted and (live := api.get(item)) and _together(live, domain) not in (wanted, None):
            _stop(api, item, live, timeout)


def _together(item, domain):
    return (item["metadata"].get("annotations") or {}).get(f"{domain}/together")


def _stop(api, item, live, timeout):
    if not (members := _left(live)):
        return
    api.request("PATCH", api.path(item), body={"spec": {"replicas": 0}}, content_type=_MERGE)
    deadline = time.monotonic() + timeout
    while left := _left(api.get(item)):
        if time.monotonic() > deadline:
            raise ApiError(0, f"{describe(item)}: found {left} of {members} members left after {timeout} s; wanted none")
        time.sleep(1)


def _left(found):
    return max(found["spec"]["replicas"], found.get("status", {}).get("replicas", 0)) if found else 0
