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


def test_a_ceiling_has_room_for_the_most_that_autoscalers_choose():
    size = {"cpu": 2, "memory": "1Gi", "memory_limit": "2Gi", "storage": "9Gi", "pods": 10}
    service = {"replicas": [2, 5], "cpu_request": "100m", "memory_request": "256Mi", "memory_limit": "1Gi"}
    sizing = {"algo_service": service, "faiss_service": {**service, "replicas": 3}, "gateway": {**service, "replicas": [1, 1]}}
    found = quantities.ceiling(size, sizing, ["algo-service", "faiss-service", "toolbox"])
    assert found == {"cpu": 3, "memory": "3Gi", "memory_limit": "9Gi", "storage": "9Gi", "pods": 17}  # 7 of one service


@pytest.mark.parametrize("quantity", ["", "much", "2GB", "-1Gi"])
def test_what_is_no_quantity(quantity):
    with pytest.raises(AnsibleFilterError, match="wanted a quantity"):
        quantities.mebibytes(quantity)
