"""Files of the nodes, as the roles write them, judged by the programs that read them where this machine has those."""

from __future__ import annotations

import pytest

NODE = "minimal-worker-1"


@pytest.fixture(scope="session")
def minimal(make_site):
    return make_site("minimal")


def test_a_node_keeps_its_name_whatever_the_machine_is_called(minimal):
    assert f"--hostname-override={NODE}" in minimal.text("kubelet", "kubelet.service.j2", NODE).split()
