"""The SSH server after role ssh_hardening; that these tests run at all shows that it lets its operator in."""

import pytest


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
    assert host.run("systemctl is-active voicehelper-ssh-undo.timer").stdout.strip() == "inactive"
    assert host.service("ssh").is_running
