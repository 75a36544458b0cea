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


def test_a_fork_bomb_and_a_pod_without_a_profile_are_bounded(minimal):
    settings = yaml.safe_load(minimal.text("kubelet", "site.conf.j2", NODE))
    assert 0 < settings["podPidsLimit"] <= 4096
    assert settings["seccompDefault"] is True and settings["protectKernelDefaults"] is True


def test_kubelets_and_api_servers_offer_the_same_few_ciphers(minimal):
    suites = yaml.safe_load(minimal.text("kubelet", "site.conf.j2", NODE))["tlsCipherSuites"]
    cluster = next(yaml.safe_load_all(minimal.text("kubeadm", "kubeadm.yaml.j2", "minimal-cp-1")))
    arguments = {argument["name"]: argument["value"] for argument in cluster["apiServer"]["extraArgs"]}
    assert arguments["tls-cipher-suites"].split(",") == suites
    assert all(suite.startswith("TLS_ECDHE_") and ("_GCM_" in suite or "_POLY1305_" in suite) for suite in suites)


def test_the_kernel_is_set_to_what_the_kubelet_wants_to_find(minimal):
    """With protectKernelDefaults a kubelet starts on these values only (pkg/util/sysctl of Kubernetes)."""
    wanted = {"vm.overcommit_memory": 1, "vm.panic_on_oom": 0, "kernel.panic": 10, "kernel.panic_on_oops": 1}
    wanted |= {"kernel.keys.root_maxkeys": 1000000, "kernel.keys.root_maxbytes": 25000000}
    lines = minimal.text("base", "sysctl.conf.j2", NODE).splitlines()
    assert {f"-{name} = {value}" for name, value in wanted.items()} <= set(lines)
