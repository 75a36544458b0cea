"""A machine after role time_sync, as its operator sees it."""


def test_chrony_runs_now_and_at_boot(host):
    assert host.service("chrony").is_running
    assert host.service("chrony").is_enabled


def test_a_container_does_not_set_the_clock_of_its_machine(host):
    assert "-x" in host.check_output("cat /proc/$(pgrep -o chronyd)/cmdline | tr '\\0' ' '").split()


def test_a_control_plane_serves_time_even_alone(host):
    assert "Stratum         : 10" in host.check_output("chronyc tracking")
    assert host.check_output("chronyc accheck 10.128.0.1 | cat")
    assert host.socket("udp://0.0.0.0:123").is_listening


def test_there_is_one_time_service(host):
    assert not host.package("systemd-timesyncd").is_installed
