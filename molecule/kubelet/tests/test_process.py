"""The kubelet as its node's process table has it."""

import pytest
from reach import hosts

testinfra_hosts = hosts()


def test_it_is_told_its_nodes_name(host):
    pid = host.check_output("systemctl show --property=MainPID --value kubelet")
    name = host.check_output("hostname")  # of a healthy node both are the same
    assert f"--hostname-override={name}" in host.check_output(f"tr '\\0' '\\n' < /proc/{pid}/cmdline").splitlines()


def test_systemd_takes_every_line_of_the_unit(host):
    checked = host.run("systemd-analyze verify /etc/systemd/system/kubelet.service")
    assert (checked.rc, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    "path", ["/var/lib/kubelet/config.yaml", "/etc/kubernetes/kubelet.conf.d/10-site.conf", "/etc/systemd/system/kubelet.service"]
)
def test_its_settings_are_for_root_alone(host, path):
    assert host.file(path).mode == 0o600
