"""The runtime that runs on every node, not the one that lies on its disk."""

import json

import pytest
from reach import VERSIONS, hosts

testinfra_hosts = hosts()


@pytest.fixture(scope="module")
def info(host):
    return json.loads(host.check_output("/usr/local/bin/crictl info"))


def test_the_running_runtime_has_the_wanted_version(host):
    lines = host.check_output("/usr/local/bin/crictl version").splitlines()
    found = dict(line.split(":", 1) for line in lines)
    assert found["RuntimeName"].strip() == "containerd"
    assert found["RuntimeVersion"].strip().removeprefix("v") == str(VERSIONS["containerd"])


def test_the_process_is_the_installed_program(host):
    pid = host.check_output("systemctl show --property=MainPID --value containerd")
    assert host.check_output(f"readlink /proc/{pid}/exe") == "/usr/local/bin/containerd"  # a replaced one would say (deleted)


def test_runtime_and_network_are_ready(info):
    conditions = {item["type"]: item["status"] for item in info["status"]["conditions"]}
    assert conditions["RuntimeReady"] and conditions["NetworkReady"]


def test_containers_run_in_the_cgroups_of_systemd(host):
    pod = host.check_output("/usr/local/bin/crictl pods --quiet --state ready").split()[0]
    inspected = json.loads(host.check_output(f"/usr/local/bin/crictl inspectp {pod}"))
    assert ".slice" in inspected["info"]["runtimeSpec"]["linux"]["cgroupsPath"]


def test_runc_has_the_wanted_version(host):
    assert f"runc version {VERSIONS['runc']}" in host.check_output("/usr/local/sbin/runc --version")


def test_an_image_is_pulled_by_its_upstream_name(host):
    """The lab's nodes reach no registry but the depot: a pull that works went there."""
    images = json.loads(host.check_output("/usr/local/bin/crictl images --output json"))["images"]
    pulled = next(digest for image in images for digest in image["repoDigests"] if digest.startswith("registry.k8s.io/"))
    assert "Image is up to date" in host.check_output(f"/usr/local/bin/crictl pull {pulled}")


def test_a_password_of_the_proxy_would_be_for_root_alone(host):
    assert host.file("/etc/containerd/proxy.env").mode == 0o600
    assert "/etc/containerd/proxy.env" in host.check_output("systemctl show --property=EnvironmentFiles --value containerd")
    assert "PROXY" not in host.check_output("systemctl show --property=Environment --value containerd")


def test_systemd_takes_every_line_of_the_unit(host):
    checked = host.run("systemd-analyze verify /etc/systemd/system/containerd.service")
    assert (checked.rc, checked.stderr) == (0, "")
