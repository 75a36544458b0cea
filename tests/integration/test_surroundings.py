"""A run stands by its inventory: what its caller's shell has for other work changes nothing."""

from __future__ import annotations

import json
import sys


def show(hosts, expression, facts=False):
    """A play that prints one expression."""
    task = {"ansible.builtin.debug": {"msg": f"SHOWN{{{{ ({expression}) | to_json }}}}"}}
    return [{"hosts": hosts, "gather_facts": facts, "tasks": [task]}]


def shown(result):
    """What a play of `show` printed."""
    assert result.returncode == 0, result.stdout + result.stderr
    line = next(line for line in result.stdout.splitlines() if "SHOWN" in line)
    return json.loads(json.loads(line.partition(": ")[2]).removeprefix("SHOWN"))


def test_a_site_has_its_own_facts_though_another_has_a_host_of_that_name(site, play, tmp_path):
    def python_of(name, interpreter):
        here = {"ansible_connection": "local", "ansible_host": "127.0.0.1", "ansible_python_interpreter": interpreter}
        return shown(play(site({"worker-1": here}).rename(tmp_path / name), show("nodes", "ansible_facts.python.executable", facts=True)))

    other = tmp_path / "another-python"
    other.symlink_to(sys.executable)
    assert python_of("berlin", sys.executable) == sys.executable
    assert python_of("munich", str(other)) == str(other)
