"""Filters that place data on nodes."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

from ansible.errors import AnsibleFilterError

from bootstrap.kube.quantity import in_bytes


def data_systems(classes: dict, names: dict) -> dict[str, str]:
    """The systems that keep data in volumes of their own: name of its directory → its key in the size classes, by their order there.

    Args:
        classes: size classes by name; what has `replicas` and `storage` in any of them keeps data.
        names: key → directory of those whose directory is not named as they are.
    """
    systems = (key for sizes in classes.values() for key, size in sizes.items() if {"replicas", "storage"} <= size.keys())
    return {names.get(key, key.replace("_", "-")): key for key in systems}


def static_volumes(systems: dict, sizing: dict, nodes: list, path: str, live: list = (), marks: dict | None = None) -> list[dict]:
    """The static volumes of a site: what lives as it is, what disks say they hold as it was, and enough new ones that any new member may
    land on any node.

    Args:
        systems: directory name → key in `sizing`.
        sizing: size class, of which `replicas` and `storage` of each system are read; an absent system has no volumes.
        nodes: names of the nodes that carry workloads.
        path: directory of the data volume on a node.
        live: PersistentVolumes of the cluster. A volume of it stays where it is, whose it is, and never becomes smaller.
        marks: node → {path of a volume on its disk: the claim whose data it holds}.

    Returns:
        [{name, system, node, path, size, claim, live}], by name. `claim` is `namespace/name` of the claim that the volume belongs to, or ''
        for one that any member of its system may take; `live` its phase in the cluster, '' where the cluster does not have it.

    Raises:
        AnsibleFilterError: there is no node to place a volume on, or two disks hold data of one claim.
    """
    if not nodes:
        raise AnsibleFilterError("static_volumes: found no node that carries workloads, wanted at least one")
    sizes = {system: str(sizing[key]["storage"]) for system, key in systems.items() if "storage" in sizing.get(key, {})}
    volumes = [volume for system in sizes for volume in _new(system, sizing[systems[system]], nodes, path)]
    volumes += [_volume(place, node) for node, places in (marks or {}).items() for place in places if _system(place) in sizes]
    volumes += [_living(item) for item in live]
    kept = {volume["name"]: volume for volume in volumes}  # the last of a name counts: what lives
    taken = {volume["claim"] for volume in kept.values()}
    held: dict[str, list[str]] = {}
    for volume in kept.values():
        claim = (marks or {}).get(volume["node"], {}).get(volume["path"], "")
        if claim and not volume["claim"] and claim not in taken:
            volume["claim"] = claim
            held.setdefault(claim, []).append(f"{volume['node']}:{volume['path']}")
        volume["size"] = max(volume["size"], sizes.get(volume["system"], "0"), key=in_bytes)
    for claim, places in held.items():
        if len(places) > 1:
            raise AnsibleFilterError(
                f"static_volumes: found data of the claim {claim} at {' and '.join(places)}, and no cluster that says which is in use; "
                "wanted one place: on the other node, move the directory away together with the file .claim beside it"
            )
    return list(kept.values())


def _new(system: str, size: dict, nodes: list, path: str) -> list[dict]:
    rounds = range(-(-int(size.get("replicas", 1)) // len(nodes)))
    return [_volume(f"{path}/{system}/vol-{number}", node) for number in rounds for node in nodes]


def _system(place: str) -> str:
    return PurePosixPath(place).parent.name


def _volume(place: str, node: str) -> dict:
    system, number = _system(place), PurePosixPath(place).name.removeprefix("vol-")
    return {"name": f"{system}-{node}-{number}", "system": system, "node": node, "path": place, "size": "0", "claim": "", "live": ""}


def _living(item: dict) -> dict:
    """A PersistentVolume in the words of `static_volumes`."""
    spec = item["spec"]
    node = spec["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]["values"][0]
    owner = spec.get("claimRef")
    claim = f"{owner['namespace']}/{owner['name']}" if owner else ""
    own = {"name": item["metadata"]["name"], "size": spec["capacity"]["storage"], "claim": claim, "live": item["status"]["phase"]}
    return {**_volume(spec["local"]["path"], node), **own}


def volume_of(volumes: list[dict], claim: str, system: str, node: str) -> dict:
    """The volume that a claim has, or had, or else the one of a system on a node that it is to get.

    Args:
        volumes: what `static_volumes` gives.
        claim: `namespace/name`.
        system: directory name of the system.
        node: where a claim without a volume gets one.

    Raises:
        AnsibleFilterError: the node has no volume for the system.
    """
    own = sorted((volume for volume in volumes if volume["claim"] == claim), key=lambda volume: volume["live"] != "Bound")
    new = [volume for volume in volumes if (volume["system"], volume["node"], volume["claim"]) == (system, node, "")]
    if not own + new:
        raise AnsibleFilterError(f"volume_of: found no free volume of {system} on {node}, wanted one for the claim {claim}")
    return (own + new)[0]


def most_together(volumes: list[dict], prefix: str, members: int, nodes: list) -> int:
    """How many of so many members share a node at most: by where their volumes are, and while they have none by the number of nodes.

    Args:
        volumes: what `static_volumes` gives.
        prefix: how the members' claims begin, as `namespace/data-minio-`.
        members: how many there are to be.
        nodes: names of the nodes that carry workloads.
    """
    places = {volume["claim"]: volume["node"] for volume in volumes if volume["claim"].startswith(prefix)}
    together = max(Counter(places.values()).values(), default=1)
    return together if len(places) >= members else max(together, -(-members // max(len(nodes), 1)))


def safe_volumes(volumes: list[dict], seen: list) -> list[dict]:
    """Those that the cluster has, and new ones on nodes whose disk was `seen`, so that whose data it holds is known."""
    return [volume for volume in volumes if volume["live"] or volume["node"] in seen]


def unmarked_nodes(volumes: list[dict], marks: dict) -> list[str]:
    """Nodes with a bound volume whose disk does not say so yet, as far as `marks` (as for `static_volumes`) tells."""
    return sorted({v["node"] for v in volumes if v["live"] == "Bound" and marks.get(v["node"], {}).get(v["path"]) != v["claim"]})


def volume_directories(volumes: list[dict]) -> list[dict]:
    """Volumes in the words of the module data_volumes: the size in bytes, `live` true or false."""
    return [
        {"path": volume["path"], "claim": volume["claim"], "size": in_bytes(volume["size"]), "live": bool(volume["live"])}
        for volume in volumes
    ]


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self):
        return {
            "data_systems": data_systems,
            "static_volumes": static_volumes,
            "volume_of": volume_of,
            "most_together": most_together,
            "safe_volumes": safe_volumes,
            "unmarked_nodes": unmarked_nodes,
            "volume_directories": volume_directories,
        }
