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


def test_a_restart_that_a_run_lost_is_done_by_the_next_and_once(host, converge, lost_restart):
    def server():
        return host.check_output("systemctl show --property=MainPID --value chrony")

    before, changed = server(), {"time_sync_servers": ["192.0.2.123"]}
    lost_restart(**changed)
    assert server() == before and host.file("/etc/chrony/chrony.conf").contains("192.0.2.123")
    assert converge(**changed)[0] == 1
    after = server()
    assert after != before and "192.0.2.123" in host.check_output("chronyc -n sources")
    assert converge(**changed)[0] == 0 and server() == after
