"""Files of the nodes, as the roles write them, judged by the programs that read them where this machine has those."""

from __future__ import annotations

import pytest
import yaml

NODE = "minimal-worker-1"


@pytest.fixture(scope="session")
def minimal(make_site):
    return make_site("minimal")


def test_a_node_keeps_its_name_whatever_the_machine_is_called(minimal):
    assert f"--hostname-override={NODE}" in minimal.text("kubelet", "kubelet.service.j2", NODE).split()


@pytest.mark.parametrize(("resolver", "path"), [("127.0.0.53", "/run/systemd/resolve/resolv.conf"), ("10.91.0.1", "/etc/resolv.conf")])
def test_pods_get_the_resolvers_behind_the_stub_of_systemd_resolved(minimal, resolver, path):
    facts = {"dns": {"nameservers": [resolver]}}
    assert yaml.safe_load(minimal.text("kubelet", "site.conf.j2", NODE, ansible_facts=facts))["resolvConf"] == path
