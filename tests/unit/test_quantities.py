"""Kubernetes quantities as numbers."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from plugins.filter import quantities


@pytest.mark.parametrize(
    ("quantity", "wanted"), [("512Mi", 512), ("2Gi", 2048), ("1.5Gi", 1536), ("1Ti", 1 << 20), ("2097152", 2), (4 << 20, 4), ("1G", 953)]
)
def test_mebibytes(quantity, wanted):
    assert quantities.mebibytes(quantity) == wanted


@pytest.mark.parametrize("quantity", ["", "much", "2GB", "-1Gi"])
def test_what_is_no_quantity(quantity):
    with pytest.raises(AnsibleFilterError, match="wanted a quantity"):
        quantities.mebibytes(quantity)
