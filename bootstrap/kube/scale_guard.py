"""Keeps the members of a StatefulSet: what only they hold would be lost with them."""

from __future__ import annotations

import re

from bootstrap.kube.api import ApiError
from bootstrap.kube.status import describe

PERMISSION = "scale-down:"


def declare(objects, domain):
    """Write on each StatefulSet how many members it is to have: the live number says nothing of one that was stopped."""
    for item in objects:
        if item["kind"] == "StatefulSet" and "replicas" in item["spec"]:
            notes = item["metadata"].get("annotations") or {}
            item["metadata"]["annotations"] = {**notes, _declared(domain): str(item["spec"]["replicas"])}


def refusals(api, manager, objects, confirmed, domain):
    """One line for each StatefulSet of `objects` that would lose members, and whose name was not confirmed.

    :param confirmed: what the operator allowed by `-e confirm=`, such as `scale-down:redis-cluster`.
    :param domain: prefix of the annotations that `declare` wrote.
    """
    sets = [item for item in objects if item["kind"] == "StatefulSet"]
    asked = [item for item in sets if PERMISSION + item["metadata"]["name"] not in confirmed]
    lines = (_refusal(item, api.get(item), api, manager, domain) for item in asked)
    return [line for line in lines if line]


def _refusal(item, live, api, manager, domain):
    found, name = _members(item, live, api, domain), item["metadata"]["name"]
    wanted = _wanted(item, api, manager, found) if found else 0
    if wanted >= found:
        return ""
    members = [f"{name}-{number}" for number in range(wanted, found)]
    claims = [f"{template}-{member}" for template in _templates(item) for member in members]
    kept = f" Their volumes would stay (claims {', '.join(claims)}), but nobody would serve what is on them." if claims else ""
    lost = f"It would lose {', '.join(members)} and what only they hold.{kept}"
    remedy = f"Keep {found}, or move their data to the others first and allow it: -e confirm={PERMISSION}{name}"
    return f"{describe(item)}: spec.replicas: found {found}, wanted {wanted}. {lost} {remedy}"


def _members(item, live, api, domain):
    """Members that may hold data, those of a StatefulSet that was stopped or deleted included."""
    if live:
        return max(live["spec"]["replicas"], int((live["metadata"].get("annotations") or {}).get(_declared(domain), 0)))
    claim = re.compile(f"(?:{'|'.join(map(re.escape, _templates(item)))})-{re.escape(item['metadata']['name'])}-([0-9]+)")
    volumes = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"namespace": item["metadata"].get("namespace")}}
    names = [found["metadata"]["name"] for found in api.request("GET", api.path(volumes, collection=True))["items"]]
    return max((int(match[1]) + 1 for match in map(claim.fullmatch, names) if match), default=0)


def _templates(item):
    return [template["metadata"]["name"] for template in item["spec"].get("volumeClaimTemplates", [])]


def _wanted(item, api, manager, found):
    """Members after the apply; where the definition does not say, the server knows who decides."""
    if "replicas" in item["spec"]:
        return int(item["spec"]["replicas"])
    try:
        return api.apply(item, manager, dry_run=True)["spec"]["replicas"]
    except ApiError:  # the apply itself tells what is wrong, together with all else that is
        return found


def _declared(domain):
    return f"{domain}/members"
