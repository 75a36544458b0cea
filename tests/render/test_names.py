"""Names that two files have in common are the same in both."""

from __future__ import annotations

import yaml


def test_every_name_of_the_api_in_the_nodes_hosts_is_in_its_certificate(site):
    configuration = next(yaml.safe_load_all(site.text("kubeadm", "kubeadm.yaml.j2")))
    address = site.value("{{ platform_api_vip }}")
    lines = [line.split() for line in site.text("base", "hosts.j2").splitlines()]
    named = {name for first, *names in lines if first == address for name in names}
    assert named and named <= set(configuration["apiServer"]["certSANs"])
