"""Filters for Kubernetes quantities."""

from __future__ import annotations

from math import ceil

from ansible.errors import AnsibleFilterError

from bootstrap.kube.quantity import in_bytes, in_cores


def mebibytes(quantity: str | int) -> int:
    """Whole mebibytes in a quantity of memory or storage: `'2Gi' | mebibytes` is 2048.

    Raises:
        AnsibleFilterError: it is no such quantity.
    """
    try:
        return in_bytes(quantity) // 2**20
    except ValueError as error:
        raise AnsibleFilterError(f"mebibytes: {error}") from error


def ceiling(size: dict, sizing: dict, services: list[str]) -> dict:
    """What a namespace may claim, in whole cores and GiB: what its size says, and on top the most pods that autoscalers of its services may
    choose, and a quarter more of them while all are replaced.

    Args:
        size: the namespace's entry in the size class.
        sizing: the size class; services are in it by their names with `_`, and autoscaled where `replicas` is `[least, most]`.
        services: names of the services in the namespace.
    """
    parts = [(1, size["cpu"], size["memory"], size["memory_limit"])]
    pods = int(size["pods"])
    for of in (sizing.get(name.replace("-", "_"), {}) for name in services):
        if isinstance(of.get("replicas"), list):
            most = int(of["replicas"][1])
            most += ceil(most / 4)
            pods += most
            parts.append((most, of["cpu_request"], of["memory_request"], of["memory_limit"]))
    cores = ceil(round(sum(count * in_cores(cpu) for count, cpu, *_ in parts), 3))
    memory, limit = (ceil(sum(count * in_bytes(of[which]) for count, *of in parts) / 2**30) for which in (1, 2))
    return {**size, "cpu": cores, "memory": f"{memory}Gi", "memory_limit": f"{limit}Gi", "pods": pods}


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self):
        return {"ceiling": ceiling, "mebibytes": mebibytes}
