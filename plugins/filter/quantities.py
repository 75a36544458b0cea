"""Filters for Kubernetes quantities."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from bootstrap.kube.quantity import in_bytes


def mebibytes(quantity: str | int) -> int:
    """Whole mebibytes in a quantity of memory or storage: `'2Gi' | mebibytes` is 2048.

    Raises:
        AnsibleFilterError: it is no such quantity.
    """
    try:
        return in_bytes(quantity) // 2**20
    except ValueError as error:
        raise AnsibleFilterError(f"mebibytes: {error}") from error


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self):
        return {"mebibytes": mebibytes}
