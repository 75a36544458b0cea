"""The kubelet as its node's process table has it."""

from reach import hosts

testinfra_hosts = hosts()


def test_it_is_told_its_nodes_name(host):
    pid = host.check_output("systemctl show --property=MainPID --value kubelet")
    name = host.check_output("hostname")  # of a healthy node both are the same
    assert f"--hostname-override={name}" in host.check_output(f"tr '\\0' '\\n' < /proc/{pid}/cmdline").splitlines()


def test_systemd_takes_every_line_of_the_unit(host):
    checked = host.run("systemd-analyze verify /etc/systemd/system/kubelet.service")
    assert (checked.rc, checked.stderr) == (0, "")
