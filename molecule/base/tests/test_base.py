"""A machine after role base, as its operator sees it."""

import os

import pytest

INVENTORY_NAME = f"molecule-{os.environ['MOLECULE_SCENARIO_NAME']}"


def test_host_name_is_that_of_the_inventory(host):
    assert host.check_output("hostname") == INVENTORY_NAME.replace("_", "-")


def test_cloud_init_would_leave_name_and_hosts_alone(host):
    assert host.file("/etc/cloud/cloud.cfg.d/90-voicehelper.cfg").contains("^preserve_hostname: true$")


def test_nodes_and_api_are_known_by_name(host):
    address = host.check_output("ip -4 -oneline address show eth0").split()[3].partition("/")[0]
    assert f"{address} {INVENTORY_NAME}" in host.file("/etc/hosts").content_string
    assert host.check_output("getent hosts api.voicehelper.local").split()[0] == f"{address.rpartition('.')[0]}.10"


@pytest.mark.parametrize("package", ["conntrack", "ethtool", "socat", "xfsprogs"])
def test_packages_are_installed(host, package):
    assert host.package(package).is_installed


@pytest.mark.parametrize(
    ("setting", "value"), [("net.ipv4.ip_forward", 1), ("net.core.somaxconn", 32768), ("net.ipv4.conf.all.rp_filter", 0)]
)
def test_kernel_settings_are_in_force(host, setting, value):
    assert host.sysctl(setting) == value


def test_settings_of_the_whole_machine_are_left_alone_in_a_container(host):
    assert "vm.max_map_count" not in host.file("/etc/sysctl.d/90-voicehelper.conf").content_string


def test_limit_of_open_files_reaches_services(host):
    assert host.check_output("systemctl show --property=DefaultLimitNOFILE --value") == "20000"


def test_journal_is_bounded(host):
    settings = host.file("/etc/systemd/journald.conf.d/90-voicehelper.conf").content_string
    assert "SystemMaxUse=2G" in settings
    assert host.service("systemd-journald").is_running


def test_no_unit_has_failed(host):
    assert host.check_output("systemctl --failed --no-legend --plain") == ""


def test_settings_whose_run_died_are_brought_into_force_by_the_next(host, converge, lost_restart):
    changed = {"base_sysctl": {"net.core.somaxconn": 20000}}
    lost_restart(**changed)
    assert host.sysctl("net.core.somaxconn") == 32768
    assert converge(**changed)[0] == 1 and host.sysctl("net.core.somaxconn") == 20000
    assert converge(**changed)[0] == 0
    converge()
