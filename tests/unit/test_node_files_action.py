"""node_files on the controller: templates, one file per element, what is refused; by ansible-playbook itself."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml


@pytest.fixture
def play(project, tmp_path):
    """Run tasks of a role ``sample`` on this machine; gives (return code, output)."""

    def run(*tasks, templates=None, check=False, variables=None):
        for folder, files in {"tasks": {"main.yml": yaml.safe_dump(list(tasks))}, "templates": templates or {}}.items():
            (tmp_path / "roles/sample" / folder).mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (tmp_path / "roles/sample" / folder / name).write_text(text)
        book = [{"hosts": "localhost", "gather_facts": False, "roles": ["sample"], "vars": variables or {}}]
        (tmp_path / "play.yml").write_text(yaml.safe_dump(book))
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(project / "ansible.cfg"),
            "ANSIBLE_ROLES_PATH": str(tmp_path / "roles"),
            "ANSIBLE_INVENTORY": "localhost,",
            "VOICEHELPER_VAULT_PASSWORD_FILE": str(tmp_path / "vault-password"),
        }
        command = ["ansible-playbook", "-c", "local", "-e", "ansible_python_interpreter=python3", tmp_path / "play.yml"]
        command += ["--check", "--diff"] if check else []
        done = subprocess.run(command, env=environment, cwd=project, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    return run


def files(*entries, **more):
    owner = {"owner": Path("/proc/self").owner(), "group": Path("/proc/self").group()}
    return {"name": "Write", "node_files": {"files": [{**owner, **entry} for entry in entries]}, **more}


def test_templates_see_the_play_their_entry_and_the_shared_macros(play, tmp_path):
    task = files(
        {"path": f"{tmp_path}/out/plain", "template": "plain.j2"},
        {"path": f"{tmp_path}/out/{{each}}.conf", "template": "each.j2", "each": ["a", "b"]},
        {"path": f"{tmp_path}/out/list", "template": "json.j2"},
    )
    templates = {
        "plain.j2": "{% for word in words %}\n{{ word }}\n{% endfor %}\nto {{ item.path | basename }}\n",
        "each.j2": "{{ item.each }}\n",
        "json.j2": "[1, 2]",
    }
    code, output = play(task, templates=templates, variables={"words": ["one", "two"]})
    assert code == 0, output
    found = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert found == {"plain": "one\ntwo\nto plain\n", "a.conf": "a\n", "b.conf": "b\n", "list": "[1, 2]"}


def test_check_shows_the_difference_and_writes_nothing(play, tmp_path):
    code, output = play(files({"path": f"{tmp_path}/out", "content": "new line\n"}), check=True)
    assert code == 0 and "+new line" in output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("entry", [{}, {"content": "x", "template": "y.j2"}])
def test_an_entry_with_neither_or_both_is_refused_by_path(play, tmp_path, entry):
    code, output = play(files({"path": "/tmp/never", **entry}))
    assert code == 2
    assert "/tmp/never: wanted exactly one of `template` and `content`" in output.replace("\n", " ")


def test_the_progress_output_times_tasks_and_names_lost_hosts(project, tmp_path):
    (tmp_path / "play.yml").write_text("- hosts: all\n  gather_facts: false\n  tasks: [{name: Say, ansible.builtin.ping: {}}]\n")
    hosts = {"here": {"ansible_connection": "local"}, "lost": {"ansible_host": "127.0.0.1", "ansible_port": 1}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(project / "ansible.cfg"),
        "SITE_PROGRESS_TIMING_FILE": str(tmp_path / "timing.json"),
        "VOICEHELPER_VAULT_PASSWORD_FILE": str(tmp_path / "vault-password"),
    }
    command = ["ansible-playbook", "-i", tmp_path / "hosts.yml", tmp_path / "play.yml"]
    done = subprocess.run(command, env=environment, cwd=project, capture_output=True, text=True, timeout=60)
    assert "(2 hosts)" in done.stdout and "Slowest of 1 tasks" in done.stdout
    assert "UNREACHABLE, left out of this run: lost." in done.stdout
    timing = json.loads((tmp_path / "timing.json").read_text())
    assert timing["hosts"]["here"]["ok"] == 1 and timing["hosts"]["lost"]["unreachable"] == 1
    assert [task["task"] for task in timing["tasks"]] == ["Say"] and timing["tasks"][0]["seconds"] > 0
