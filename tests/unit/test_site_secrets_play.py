"""The secrets of a site as a play makes and reads them, and the vault password behind them."""

import json
import os
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

WANTED = {
    "web": {"kind": "certificate", "ca": "authority", "common_name": "web", "sans": ["web.example", "10.0.0.7"]},
    "authority": {"kind": "ca", "common_name": "Test authority"},
    "login": {"kind": "password", "length": 20},
}
LIVES = {"ca_days": 3650, "days": 900, "renew_share": 0.3334, "fail_days": 45, "fail_kubelet_days": 30, "warn_ca_days": 365}

PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  vars:
    state: {state}
    site_secrets_file: "{{{{ state }}}}/secrets.yml"
    site_secrets: {table}
  tasks:
    - name: Make
      site_secrets: {{path: "{{{{ site_secrets_file }}}}", secrets: "{{{{ site_secrets }}}}", lives: {lives}}}
    - name: Read
      ansible.builtin.copy:
        content: "{{{{ lookup('site_secret', 'login') }}}} {{{{ lookup('site_secret', 'web').cert | length }}}}"
        dest: {out}
        mode: "0600"
      check_mode: false
"""


@pytest.fixture
def play(tmp_path):
    """Run the plugins in a play, as a site does; returns the finished process and the recap counts."""
    state, out = tmp_path / "state", tmp_path / "out"
    playbook = tmp_path / "play.yml"

    def run(*arguments, table=WANTED, **environment):
        text = PLAYBOOK.format(state=state, table=json.dumps(table), lives=json.dumps(LIVES), out=out)
        playbook.write_text(text)
        environment = (
            os.environ
            | {
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
                "ANSIBLE_FORCE_COLOR": "0",
                "VOICEHELPER_VAULT_PASSWORD_FILE": str(tmp_path / "config" / "vault-password"),
            }
            | environment
        )
        command = [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local", playbook]
        environment |= {"ANSIBLE_INVENTORY_ENABLED": "host_list"}
        done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True)
        done.changed = int(found[1]) if (found := re.search(r"changed=(\d+)", done.stdout)) else None
        return done

    run.state, run.out = state, out
    return run


class TestPlay:
    def test_check_then_converge_then_nothing(self, play):
        first = play("--check", "--diff")
        assert first.returncode == 0, first.stdout + first.stderr
        assert not play.state.exists()
        assert play.out.read_text().startswith("made-at-the-first-run")

        second = play()
        assert second.returncode == 0 and second.changed == 2, second.stdout + second.stderr
        password = play.out.read_text().split()[0]
        assert len(password) == 20
        assert password not in second.stdout

        third = play("--check", "--diff")
        assert third.changed == 0, third.stdout
        fourth = play()
        assert fourth.changed == 0, fourth.stdout

    def test_wrong_vault_password(self, play, tmp_path):
        assert play().returncode == 0
        other = tmp_path / "other"
        other.write_text("wrong\n")
        other.chmod(0o600)
        failed = play(VOICEHELPER_VAULT_PASSWORD_FILE=str(other))
        assert failed.returncode != 0
        assert "found a vault that this vault password does not open" in failed.stdout + failed.stderr

    def test_unknown_name(self, play):
        failed = play(table={name: WANTED[name] for name in ("authority", "web")})
        assert "found no 'login' in site_secrets; wanted one of" in failed.stdout + failed.stderr


class TestVaultPassword:
    SCRIPT = ROOT / "plugins" / "vault_password.py"

    def run(self, **environment):
        return subprocess.run([self.SCRIPT], env=os.environ | environment, capture_output=True, text=True)

    def test_made_once_and_private(self, tmp_path):
        path = tmp_path / "config" / "vault-password"
        first = self.run(VOICEHELPER_VAULT_PASSWORD_FILE=str(path))
        assert first.returncode == 0 and len(first.stdout.strip()) >= 43
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [entry.name for entry in path.parent.iterdir()] == ["vault-password"]
        assert self.run(VOICEHELPER_VAULT_PASSWORD_FILE=str(path)).stdout == first.stdout

    def test_default_place(self, tmp_path):
        self.run(XDG_CONFIG_HOME=str(tmp_path), VOICEHELPER_VAULT_PASSWORD_FILE="")
        assert (tmp_path / "voicehelper" / "vault-password").is_file()

    def test_first_uses_at_the_same_time_agree(self, tmp_path):
        path = str(tmp_path / "config" / "vault-password")
        with ThreadPoolExecutor(4) as pool:
            runs = list(pool.map(lambda _: self.run(VOICEHELPER_VAULT_PASSWORD_FILE=path).stdout, range(6)))
        assert len(set(runs)) == 1

    @pytest.mark.parametrize(
        ("content", "mode", "message"),
        [("x\n", 0o644, "others may read it (mode 0644); wanted: mode 0600"), ("", 0o600, "found an empty file")],
    )
    def test_refused(self, tmp_path, content, mode, message):
        path = tmp_path / "vault-password"
        path.write_text(content)
        path.chmod(mode)
        done = self.run(VOICEHELPER_VAULT_PASSWORD_FILE=str(path))
        assert done.returncode == 1 and done.stdout == "" and message in done.stderr and str(path) in done.stderr

    def test_unwritable(self, tmp_path):
        (tmp_path / "file").touch()
        done = self.run(VOICEHELPER_VAULT_PASSWORD_FILE=str(tmp_path / "file" / "vault-password"))
        assert done.returncode == 1 and done.stdout == ""
        assert "VOICEHELPER_VAULT_PASSWORD_FILE names another" in done.stderr
