"""How entries of a site's secrets turn: stage by stage, each kept in the entry until the next one is reached.

`introduce` makes the new value beside the previous one, `adopt` lets a new CA or key sign or encrypt now that everybody knows it,
`retire` forgets the previous value, and `finish` ends the rotation once nobody has the previous value any more.
"""

from __future__ import annotations

from typing import Any

from bootstrap.secrets import objects
from bootstrap.secrets.entries import LAYERED, Lives, Specification, bundle, make
from bootstrap.secrets.store import Entry, SecretStoreError

STEPS = ("introduce", "adopt", "retire", "finish")
# Where the roles run that bring a value to where it is used: key of an entry of site_secrets → group of hosts.
PLACES = {"control_plane_consumers": "control_plane", "node_consumers": "nodes", "consumers": "controller"}


def roles(specification: Specification, place: str) -> list[str]:
    """The roles that bring an entry's new value to where it is used, by a key of `PLACES`. Secrets of the cluster have it first."""
    own = list(specification.get(place, ()))
    return [objects.ROLE, *own] if place == "consumers" and place in specification and specification.get("objects") else own


def rotatable(specifications: dict[str, Specification]) -> list[str]:
    """The names of what can be rotated: somebody brings the new value to where it is used, or nobody needs to."""
    return sorted(name for name in specifications if PLACES.keys() & specifications[name].keys())


def unfinished(entries: dict[str, Entry]) -> dict[str, str]:
    """The stage of everything that is being rotated, by name."""
    return {name: entry["stage"] for name, entry in sorted(entries.items()) if "stage" in entry}


def plan(names: list[str], resume: bool, specifications: dict[str, Specification], entries: dict[str, Entry]) -> list[str]:
    """The names that a rotation is about: a new one of `names`, or one that is to be continued (of all, if none is named).

    Raises:
        SecretStoreError: a name cannot be rotated, has a rotation that is not finished, or none that could be continued.
    """
    known, begun = rotatable(specifications), unfinished(entries)
    if refused := sorted(set(names) - set(known)):
        found = ", ".join(refused)
        raise SecretStoreError(f"rotate: found {found}; wanted secrets whose consumers take a new value: {', '.join(known)}.")
    if resume:
        if idle := sorted(set(names) - set(begun)):
            raise SecretStoreError(f"resume: found {', '.join(idle)}; wanted what is being rotated: {', '.join(begun) or 'nothing is'}.")
        return names or list(begun)
    if again := [name for name in names if name in begun]:
        stages = ", ".join(f"{name} at {begun[name]}" for name in again)
        raise SecretStoreError(
            f"rotate: found a rotation that is not finished ({stages}); wanted -e resume=true to finish it. "
            "A new one begins after that, by the same command as now."
        )
    return names


def rotate(step: str, names: list[str], specifications: dict[str, Specification], entries: dict[str, Entry], lives: Lives) -> None:
    """Bring some entries to a step, changed in place; those that are there or beyond stay as they are."""
    for name in names:
        entry = entries[name]
        stage = entry.get("stage")
        if step == "introduce" and stage is None:
            entry |= {"stage": step, "previous": entry["value"], "value": make(specifications[name], entries, lives)}
            if entry["kind"] == "ca":
                entry["value"]["ca"] = bundle(entry)
        elif step == "adopt" and stage == "introduce" and entry["kind"] in LAYERED:
            entry["stage"] = step
        elif step == "retire" and stage in ("introduce", "adopt"):
            entry["stage"] = step
            del entry["previous"]
        elif step == "finish" and stage == "retire":
            del entry["stage"]


def consumers(step: str, names: list[str], specifications: dict[str, Specification], entries: dict[str, Entry]) -> dict[str, list[str]]:
    """The roles that bring what is at a step to where it is used, each once, by the group of hosts that they run on.

    What a CA signed changes with it.
    """
    at = [name for name in names if unfinished(entries).get(name) == step]
    at += [name for name, wanted in specifications.items() if wanted.get("ca") in at]
    return {group: _once(role for name in at for role in roles(specifications[name], place)) for place, group in PLACES.items()}


def absent(names: list[str], specifications: dict[str, Specification], groups: dict[str, list[str]], reached: list[str]) -> list[str]:
    """The machines that keep one of these values, or what it signed, and are not among those `reached`; `groups` are the inventory's."""
    concerned = [wanted for name, wanted in specifications.items() if name in names or wanted.get("ca") in names]
    places = [group for place, group in PLACES.items() if group != "controller" and any(wanted.get(place) for wanted in concerned)]
    return _once(host for group in places for host in groups.get(group, []) if host not in reached)


def cut_off(names: list[str], specifications: dict[str, Specification]) -> list[str]:
    """A line for each name whose old value is refused as soon as there is a new one: who has to get the new one then."""
    return [f"{name}: {specifications[name]['cuts_off']}" for name in names if specifications[name].get("cuts_off")]


def _once(roles: Any) -> list[str]:
    return list(dict.fromkeys(roles))
