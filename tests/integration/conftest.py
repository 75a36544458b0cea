"""Sites made for one test, and playbooks run on them as an operator would."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
import yaml

from tests import whole_mirror

CONTROLLER = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}


@pytest.fixture
def site(project, tmp_path):
    """Make a site with a whole mirror: ``site(control_plane={host: vars}, workers={…}, **variables)`` gives the inventory's path."""

    def make(control_plane, workers=None, **variables):
        inventory = tmp_path / "site"
        (inventory / "group_vars/site").mkdir(parents=True)
        (inventory / "group_vars/all").symlink_to(project / "group_vars/all")
        variables = {**whole_mirror.SITE, "artifacts_lock_file": str(whole_mirror.lock_file(inventory / "lock.json")), **variables}
        (inventory / "group_vars/site/site.yml").write_text(yaml.safe_dump(variables))
        nodes = {"control_plane": {"hosts": control_plane}, "workers": {"hosts": workers or {}}}
        groups = {"controller": {"hosts": {"localhost": CONTROLLER}}, "nodes": {"children": nodes}}
        (inventory / "hosts.yml").write_text(yaml.safe_dump({"site": {"children": groups}}))
        return inventory

    return make


@pytest.fixture
def play(project, tmp_path):
    """Run a playbook: ``play(inventory, playbook)`` gives the finished process, output in one line-broken text.

    ``playbook`` is a path below the project, or the plays themselves; options of the command may follow.
    """

    def run(inventory, playbook, *options, **environment):
        if not isinstance(playbook, str):
            path = tmp_path / "playbook.yml"
            path.write_text(yaml.safe_dump(playbook))
            playbook = str(path)
        settings = {
            "ANSIBLE_CONFIG": str(project / "ansible.cfg"),
            "VOICEHELPER_VAULT_PASSWORD_FILE": str(tmp_path / "vault-password"),
            "COLUMNS": "200",
        }
        return subprocess.run(
            [shutil.which("ansible-playbook"), "-i", str(inventory), playbook, *options],
            cwd=project,
            env={**os.environ, **settings, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
