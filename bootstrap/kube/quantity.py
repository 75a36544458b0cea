"""Kubernetes quantities of memory and storage."""

from __future__ import annotations

import re

_UNITS = {
    "": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip


def in_bytes(quantity: str | int) -> int:
    """Bytes of a quantity: `'2Gi'` is 2147483648.

    Raises:
        ValueError: it is no such quantity.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Za-z]*)", str(quantity))
    if not found or found[2] not in _UNITS:
        raise ValueError(f"found {quantity!r}; wanted a quantity such as 512Mi or 2Gi")
    return int(float(found[1]) * _UNITS[found[2]])


def in_cores(quantity: str | int) -> float:
    """Processors of a quantity: `'500m'` is 0.5.

    Raises:
        ValueError: it is no such quantity.
    """
    text = str(quantity)
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)
