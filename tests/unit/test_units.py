"""Files and the units that read them: node_files with a systemctl of its own, which knows only the units that the test gives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible.module_utils.node import units

from plugins.modules import node_files
from tests.unit.test_node_files import entry

SYSTEMCTL = """#!{python}
import json, sys
from pathlib import Path
home = Path("{home}")
units, (verb, *names) = json.loads((home / "units").read_text()), sys.argv[1:]
names = [name for name in names if not name.startswith("--")]
if verb == "show":
    absent = dict(ActiveState="inactive", UnitFileState="", NeedDaemonReload="no", MainPID="0")
    print("\\n\\n".join("\\n".join(f"{{key}}={{value}}" for key, value in (absent | units.get(name, {{}})).items()) for name in names))
    sys.exit()
with (home / "done").open("a") as done:
    print(verb, *names, file=done)
for name in names:
    if name not in units or units[name].get("broken"):
        sys.exit(f"Failed to {{verb}} {{name}}: Unit {{name}} not found.")
    file_states = {{"enable": "enabled", "unmask": "disabled"}}
    units[name] |= {{"UnitFileState": file_states[verb]}} if verb in file_states else {{"ActiveState": "active"}}
(home / "units").write_text(json.dumps(units))
"""
SETTLED = {"ActiveState": "active", "UnitFileState": "enabled"}


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    """``systemd(chrony.service={...})`` says which units there are; ``systemd.done()`` what was asked since the last look."""
    home = tmp_path / "systemd"
    home.mkdir()
    program = home / "systemctl"
    program.write_text(SYSTEMCTL.format(python=sys.executable, home=home))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}:{os.environ['PATH']}")
    monkeypatch.setattr(units, "MARKS", tmp_path / "run/pending")

    def define(**known):
        (home / "units").write_text(json.dumps(known))

    def done():
        lines = (home / "done").read_text().splitlines() if (home / "done").exists() else []
        (home / "done").unlink(missing_ok=True)
        return lines

    define.done = done
    define(**{"x.service": SETTLED})
    return define


@pytest.fixture
def converge(run_module, tmp_path):
    """Run the module on one file that x.service reads."""

    def run(content="one\n", **more):
        return run_module(node_files, files=[entry(tmp_path / "x.conf", content, restarts="x.service")], running=["x.service"], **more)

    return run


def test_a_changed_file_restarts_its_reader_and_a_second_run_nobody(converge, systemd):
    assert converge()["taken_over"] == ["restart x.service"]
    assert systemd.done() == ["restart x.service"]
    second = converge()
    assert not second["changed"] and systemd.done() == []


def test_a_new_unit_is_enabled_and_started_once(converge, systemd):
    systemd(**{"x.service": {"UnitFileState": "masked"}})
    converge()
    assert systemd.done() == ["unmask x.service", "enable x.service", "restart x.service"]
    systemd(**{"x.service": {"ActiveState": "failed", "UnitFileState": "enabled"}})
    assert converge()["taken_over"] == ["start x.service"]


def test_a_restart_whose_run_was_killed_is_done_by_the_next(converge, systemd, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(units, "take", killed)
        converge()
    assert systemd.done() == []
    assert converge(check=True)["taken_over"] == ["restart x.service"]
    assert converge()["changed_paths"] == [] and systemd.done() == ["restart x.service"]
    assert not converge()["changed"]


def test_a_restart_that_failed_is_named_and_tried_again(converge, systemd, run_module):
    systemd(**{"x.service": {**SETTLED, "broken": True}})
    with pytest.raises(run_module.failure, match=r"x.service: `systemctl restart x.service` failed \(1\): .*not found"):
        converge()
    systemd(**{"x.service": SETTLED})
    assert converge()["taken_over"] == ["restart x.service"]


def test_check_mode_tells_and_does_nothing(converge, systemd, tmp_path):
    systemd()
    assert converge(check=True)["taken_over"] == ["enable x.service", "restart x.service"]
    assert systemd.done() == [] and not (tmp_path / "run").exists()


def test_a_unit_that_something_else_starts_is_enabled_alone(run_module, systemd):
    systemd(**{"x.service": {"UnitFileState": "disabled"}})
    assert run_module(node_files, enabled=["x.service"])["taken_over"] == ["enable x.service"]
    assert not run_module(node_files, enabled=["x.service"])["changed"]


def test_a_unit_file_newer_than_systemd_knows_is_read(run_module, systemd):
    systemd(**{"x.service": {**SETTLED, "NeedDaemonReload": "yes"}})
    assert run_module(node_files, running=["x.service"])["taken_over"] == ["daemon-reload"]


def test_a_service_whose_program_was_replaced_is_restarted(run_module, systemd, tmp_path):
    program = tmp_path / "sleep"
    program.write_bytes(Path("/bin/sleep").resolve().read_bytes())
    program.chmod(0o755)
    with subprocess.Popen([program, "60"]) as process:
        systemd(**{"x.service": {**SETTLED, "MainPID": str(process.pid)}})
        assert not run_module(node_files, running=["x.service"])["changed"]
        (tmp_path / "new").write_text("#!/bin/sh\n")
        (tmp_path / "new").replace(program)
        assert run_module(node_files, running=["x.service"])["taken_over"] == ["restart x.service"]
        process.kill()


def test_systemd_reads_its_own_files_again():
    assert units.readers("/etc/systemd/system/x.service", "x.service") == ["daemon-reload", "x.service"]
    assert units.readers("/etc/systemd/system.conf.d/x.conf", None) == ["daemon-reload"]
    assert units.readers("/etc/systemd/journald.conf.d/x.conf", "systemd-journald.service") == ["systemd-journald.service"]


def test_a_caller_without_units_needs_no_systemd(run_module, tmp_path, monkeypatch):
    """On the controller files are written without being root."""
    monkeypatch.setattr(units, "MARKS", Path("/proc/not/writable"))
    assert run_module(node_files, files=[entry(tmp_path / "file")])["taken_over"] == []
