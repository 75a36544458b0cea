"""Filters that place data on nodes."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError


def static_volumes(systems: dict, sizing: dict, nodes: list, path: str) -> list[dict]:
    """The static volumes of a site: enough on every node that any member may land on any node.

    Args:
        systems: directory name → key in `sizing`.
        sizing: size class, of which `replicas` and `storage` of each system are read; an absent system has no volumes.
        nodes: names of the nodes that carry workloads.
        path: directory of the data volume on a node.

    Returns:
        [{name, system, node, path, size}], names stable as long as node and system are.

    Raises:
        AnsibleFilterError: there is no node to place a volume on.
    """
    if not nodes:
        raise AnsibleFilterError("static_volumes: found no node that carries workloads, wanted at least one")
    volumes = []
    for system, key in systems.items():
        size = sizing.get(key) or {}
        if "storage" not in size:
            continue
        for number in range(-(-int(size.get("replicas", 1)) // len(nodes))):
            for node in nodes:
                volume = {"name": f"{system}-{node}-{number}", "system": system, "node": node}
                volumes.append({**volume, "path": f"{path}/{system}/vol-{number}", "size": str(size["storage"])})
    return volumes


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self):
        return {"static_volumes": static_volumes}
