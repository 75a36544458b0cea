"""Filters for Kubernetes quantities."""

from __future__ import annotations

import re

from ansible.errors import AnsibleFilterError

_BYTES = {
    "": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip


def mebibytes(quantity: str | int) -> int:
    """Whole mebibytes in a quantity of memory or storage: `'2Gi' | mebibytes` is 2048.

    Raises:
        AnsibleFilterError: it is no such quantity.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Za-z]*)", str(quantity))
    if not found or found[2] not in _BYTES:
        raise AnsibleFilterError(f"mebibytes: found {quantity!r}; wanted a quantity such as 512Mi or 2Gi")
    return int(float(found[1]) * _BYTES[found[2]]) // 2**20


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self):
        return {"mebibytes": mebibytes}
