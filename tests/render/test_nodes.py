"""Files of the nodes, as the roles write them, judged by the programs that read them where this machine has those."""

from __future__ import annotations

import tomllib

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


def test_a_proxys_password_reaches_containerd_as_it_is(minimal):
    """A % in the unit would be one of systemd's specifiers; in its file of variables it is a letter, and a quote is escaped."""
    proxy = {"http": "", "https": 'http://svc:p%40s"s @proxy.example.com:3128', "no_proxy": "intranet.example"}
    unit = minimal.text("containerd", "containerd.service.j2", NODE, containerd_proxy=proxy)
    assert "EnvironmentFile=/etc/containerd/proxy.env" in unit.splitlines() and "PROXY=" not in unit
    lines = minimal.text("containerd", "proxy.env.j2", NODE, containerd_proxy=proxy).splitlines()
    assert 'HTTPS_PROXY="http://svc:p%40s\\"s @proxy.example.com:3128"' in lines
    assert 'NO_PROXY="intranet.example,10.91.0.0/24,10.244.0.0/16,10.96.0.0/16"' in lines


@pytest.mark.parametrize(
    ("mirror", "as_it_stands"),
    [
        ({"url": "https://harbor.example.com/v2/dockerhub"}, True),
        ({"url": "https://artifacts.example.com/api/docker/dockerhub"}, False),
        ({"url": "https://artifacts.example.com/api/docker/dockerhub", "override_path": True}, True),
        ({"url": "https://mirror.example.com"}, False),
    ],
)
def test_containerd_asks_a_mirror_at_the_path_that_the_site_says(minimal, mirror, as_it_stands):
    changes = {"containerd_registry_mirrors": {"docker.io": [mirror]}, "containerd_offline_registry": "", "item": {"each": "docker.io"}}
    host = tomllib.loads(minimal.text("containerd", "hosts.toml.j2", NODE, **changes))["host"][mirror["url"]]
    assert host.get("override_path", False) is as_it_stands
