"""Keeps the members of a live StatefulSet: what only they hold would be lost with them."""

from __future__ import annotations

from ansible.module_utils.kube_api import ApiError
from ansible.module_utils.kube_status import describe

PERMISSION = "scale-down:"


def refusals(api, manager, objects, confirmed):
    """One line for each StatefulSet of `objects` that would lose members, and whose name was not confirmed.

    :param confirmed: what the operator allowed by `-e confirm=`, such as `scale-down:redis-cluster`.
    """
    sets = [item for item in objects if item["kind"] == "StatefulSet"]
    asked = [item for item in sets if PERMISSION + item["metadata"]["name"] not in confirmed]
    lines = (_refusal(item, api.get(item), api, manager) for item in asked)
    return [line for line in lines if line]


def _refusal(item, live, api, manager):
    if not live:
        return ""
    found, wanted, name = live["spec"]["replicas"], _wanted(item, live, api, manager), item["metadata"]["name"]
    if wanted >= found:
        return ""
    members = [f"{name}-{number}" for number in range(wanted, found)]
    claims = [f"{template['metadata']['name']}-{member}" for template in item["spec"].get("volumeClaimTemplates", []) for member in members]
    kept = f" Their volumes would stay (claims {', '.join(claims)}), but nobody would serve what is on them." if claims else ""
    lost = f"It would lose {', '.join(members)} and what only they hold.{kept}"
    remedy = f"Keep {found}, or move their data to the others first and allow it: -e confirm={PERMISSION}{name}"
    return f"{describe(item)}: spec.replicas: found {found}, wanted {wanted}. {lost} {remedy}"


def _wanted(item, live, api, manager):
    """Members after the apply; where the definition does not say, the server knows who decides."""
    if "replicas" in item["spec"]:
        return int(item["spec"]["replicas"])
    try:
        return api.apply(item, manager, dry_run=True)["spec"]["replicas"]
    except ApiError:  # the apply itself tells what is wrong, together with all else that is
        return live["spec"]["replicas"]
