"""A machine after role auto_updates, as apt sees it."""


def test_the_updater_runs_by_its_timer(host):
    assert host.package("unattended-upgrades").is_installed
    for timer in ("apt-daily.timer", "apt-daily-upgrade.timer"):
        assert host.service(timer).is_running
        assert host.service(timer).is_enabled


def test_it_never_reboots(host):
    assert 'Unattended-Upgrade::Automatic-Reboot "false";' in host.check_output("apt-config dump")


def test_a_new_kernel_comes_and_waits_for_the_operators_reboot(host):
    assert "linux-" not in host.check_output("apt-config dump Unattended-Upgrade::Package-Blacklist")


def test_what_the_cluster_runs_on_is_left_to_the_operator(host):
    assert 'Unattended-Upgrade::Package-Blacklist:: "containerd";' in host.check_output("apt-config dump")


def test_it_would_run(host):
    assert host.run("unattended-upgrade --dry-run").rc == 0
