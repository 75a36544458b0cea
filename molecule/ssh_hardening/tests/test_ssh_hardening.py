"""The SSH server after role ssh_hardening; that these tests run at all shows that it lets its operator in."""

import pytest

SETTINGS = "/etc/ssh/sshd_config.d/10-voicehelper.conf"


@pytest.fixture(scope="module")
def settings(host):
    """The settings in force, by name."""
    return dict(line.split(" ", 1) for line in host.check_output("sshd -T -C user=admin").splitlines() if " " in line)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("passwordauthentication", "no"),
        ("kbdinteractiveauthentication", "no"),
        ("permitrootlogin", "without-password"),
        ("x11forwarding", "no"),
        ("maxauthtries", "4"),
        ("allowusers", "admin"),
    ],
)
def test_settings_are_in_force(settings, name, value):
    assert settings[name] == value


def test_the_way_back_is_given_up_once_ssh_is_proved(host):
    assert not host.file(f"{SETTINGS}.proven").exists
    assert host.service("ssh").is_running


def test_settings_that_a_run_wrote_and_did_not_bring_into_force_are_taken_over_by_the_next(host, converge):
    """As a run leaves them that dies before the reload."""
    host.check_output(f"cp {SETTINGS} {SETTINGS}.proven")
    assert converge()[0] > 1
    assert not host.service("voicehelper-ssh-undo.timer").is_running  # late, it would take the next change back
    assert not host.file(f"{SETTINGS}.proven").exists
    assert converge()[0] == 0


def test_settings_that_nobody_proves_give_way_to_those_before(host):
    host.check_output(f"printf 'MaxAuthTries 3\\n' > {SETTINGS}.proven && systemctl start voicehelper-ssh-undo.service")
    assert host.file(SETTINGS).content_string == "MaxAuthTries 3\n" and not host.file(f"{SETTINGS}.proven").exists
    assert host.service("ssh").is_running


def test_and_the_next_run_changes_that(host, converge):
    assert converge()[0] > 1
    assert "PasswordAuthentication no" in host.file(SETTINGS).content_string
