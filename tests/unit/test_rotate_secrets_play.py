"""The playbook that rotates secrets, run on machines that are this one, with roles that write down what they were given."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = {
    "login": {"kind": "password", "consumers": ["server"], "cuts_off": "applications"},
    "disks": {"kind": "password", "node_consumers": ["machine"], "cuts_off": ""},
    "other": {"kind": "password"},
}
LIVES = {"ca_days": 3650, "days": 900, "renew_share": 0.3334, "fail_days": 45, "fail_kubelet_days": 30, "warn_ca_days": 365}
PLAN = ("--check", "--start-at-task=Refuse what cannot be rotated")  # what comes before checks an inventory that is none here
INVENTORY = """
all:
  vars: {ansible_connection: local, ansible_become: false, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  children:
    controller: {hosts: {localhost: }}
    control_plane: {hosts: {cp-1: }}
    nodes: {hosts: {cp-1: , worker-1: }}
"""
ROLE = """
- name: Take the values
  ansible.builtin.lineinfile:
    path: "{{ state }}/%s.{{ inventory_hostname }}"   # of its own: hosts write at the same time
    line: "{{ inventory_hostname }} {{ rotate_step }}
      {{ [lookup('site_secret', '%s'), lookup('site_secret', '%s', previous=true)] | unique | length }}"
    create: true
    mode: "0600"
- name: Fail where it is wanted
  ansible.builtin.assert: {that: broken | default('') != rotate_step}
"""


@pytest.fixture
def play(tmp_path):
    """Run a playbook of the project, with its own secrets and roles of no effect; gives the finished process."""
    for role, secret in [("server", "login"), ("machine", "disks")]:
        (tmp_path / "roles" / role / "tasks").mkdir(parents=True)
        (tmp_path / "roles" / role / "tasks/main.yml").write_text(ROLE % (role, secret, secret))
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    variables = {
        "state": str(tmp_path),
        "platform_kubeconfig": str(tmp_path / "kubeconfig"),
        "site_secrets_file": str(tmp_path / "secrets.yml"),
        "site_secrets": TABLE,
        "site_certificate_lives": LIVES,
        "site_secrets_guard": {},
    }
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_INVENTORY_ENABLED": "yaml",
        "ANSIBLE_ROLES_PATH": f"{tmp_path / 'roles'}:{ROOT / 'roles'}",
        "VOICEHELPER_VAULT_PASSWORD_FILE": str(tmp_path / "vault-password"),
    }

    def run(playbook, *arguments, **more):
        command = [Path(sys.executable).with_name("ansible-playbook"), "-i", tmp_path / "hosts.yml", ROOT / "playbooks" / playbook]
        extra = ["-e", json.dumps(variables | more)]
        return subprocess.run([*command, *extra, *arguments], env=environment, capture_output=True, text=True)

    def step(name, *names, limit="all", **more):
        return run("rotate-step.yml", f"--limit={limit}", rotate_step=name, rotate_after="", rotate_plan={"rotate": names}, **more)

    def rotation(*names, lost_after):
        """All steps in one run, in which worker-1 stops to answer after one of them."""
        asked = {"hosts": "nodes", "gather_facts": False, "tasks": [{"ansible.builtin.ping": {}}]}
        connection = "{{ 'ssh' if inventory_hostname == 'worker-1' else 'local' }}"
        asked["vars"] = {"ansible_connection": connection, "ansible_host": "127.0.0.1", "ansible_port": 9}  # where nobody listens
        plays = []
        for step, after in itertools.pairwise(["", "introduce", "adopt", "retire", "finish"]):
            plays += [asked] if lost_after == step else []
            taken = {"rotate_step": after, "rotate_after": step}
            plays.append({"ansible.builtin.import_playbook": str(ROOT / "playbooks/rotate-step.yml"), "vars": taken})
        (tmp_path / "rotation.yml").write_text(json.dumps(plays))
        return run(tmp_path / "rotation.yml", rotate_plan={"rotate": names})

    def seen(role):
        return [line for path in sorted(tmp_path.glob(f"{role}.*")) for line in path.read_text().splitlines()]

    run.step, run.rotation, run.seen, run.vault = step, rotation, seen, tmp_path / "secrets.yml"
    return run


def test_each_step_reaches_those_who_use_the_value_and_the_last_sees_no_previous_one(play):
    for step in ("introduce", "adopt", "retire", "finish"):
        done = play.step(step, "login", "disks")
        assert done.returncode == 0, done.stdout + done.stderr
    assert play.seen("server") == ["localhost introduce 2", "localhost retire 1"]
    assert sorted(play.seen("machine")) == [f"{host} {told}" for host in ("cp-1", "worker-1") for told in ("introduce 2", "retire 1")]


def test_a_machine_that_fails_ends_the_step_before_the_cluster_is_touched(play):
    assert play.step("introduce", "login", "disks", broken="introduce").returncode != 0
    assert play.seen("machine") != []
    assert play.seen("server") == []


def test_no_step_is_taken_without_a_machine_that_keeps_the_value(play):
    done = play.step("introduce", "login", "disks", limit="localhost")
    assert done.returncode != 0
    assert "cp-1, worker-1: found no answer, or no word of the step before, or left out by --limit" in " ".join(done.stdout.split())
    assert not play.vault.exists()
    assert play.step("introduce", "login", limit="localhost").returncode == 0  # which no machine keeps


@pytest.mark.parametrize(("after", "taken"), [("adopt", ["introduce 2"]), ("retire", ["introduce 2", "retire 1"])])
def test_a_machine_that_is_lost_on_the_way_ends_the_rotation_before_the_next_step(play, after, taken):
    done = play.rotation("login", "disks", lost_after=after)
    assert done.returncode != 0
    assert "worker-1: found no answer" in " ".join(done.stdout.split()), done.stdout + done.stderr
    assert play.seen("server") == [f"localhost {told}" for told in taken]
    assert sorted(play.seen("machine")) == sorted(f"{host} {told}" for host in ("cp-1", "worker-1") for told in taken)


def test_a_rotation_says_whom_it_cuts_off_before_it_does_anything(play):
    done = play("rotate-secrets.yml", *PLAN, confirm="login")
    assert "login: applications" in done.stdout, done.stdout + done.stderr
    assert "Take the step" not in done.stdout.split("login: applications")[0]
    assert play.seen("server") == []


def test_a_rotation_that_ended_half_way_is_continued_only_when_that_is_asked_for(play):
    play.step("introduce", "login")
    again = play("rotate-secrets.yml", *PLAN, confirm="login")
    assert again.returncode != 0
    assert "a rotation that is not finished (login at introduce)" in " ".join(again.stdout.split())
    resumed = play("rotate-secrets.yml", *PLAN, resume=True)
    assert "login: applications" in resumed.stdout, resumed.stdout + resumed.stderr
