"""What a user of ``lab`` sees when something is wrong: one line, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

LAB = Path(sys.executable).with_name("lab")


@pytest.fixture
def lab(tmp_path):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "VOICEHELPER_LAB_STATE": str(tmp_path)}
        return subprocess.run([LAB, *arguments], env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inventory", "--topology", "huge"], "lab: unknown topology 'huge'; known: lab, minimal, prod, recommended"),
        (["ssh", "worker-9"], "lab: no node 'worker-9' in topology lab"),
        (["systems", "--mode", "none"], "lab: unknown mode 'none'; known: full, minimal, storage-only, ai-only, monitoring-only"),
        (["kubectl", "--topology", "minimal", "get", "nodes"], "lab: no cluster yet"),
    ],
)
def test_a_mistake_is_one_line(lab, arguments, message):
    result = lab(*arguments)
    assert result.returncode == 1
    assert result.stderr.startswith(message)
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("topology", ["lab", "recommended"])
def test_systems_are_those_of_the_inventory_or_of_a_mode(lab, topology, project):
    table = yaml.safe_load((project / "group_vars/all/modes.yml").read_text())
    for mode, options in ((table["deploy_mode"], []), ("minimal", ["--mode", "minimal"])):
        said = lab("systems", "-t", topology, *options).stdout.strip().split(",")
        assert said == table["deploy_modes"][mode] + table["deploy_mode_services"][mode]


def test_inventory_prints_what_ansible_takes(lab, tmp_path):
    assert lab("inventory").stdout == "inventories/lab\n"
    derived = tmp_path / "recommended/inventory"
    assert lab("inventory", "-t", "recommended").stdout == f"{derived}\n"
    assert (derived / "hosts.yml").exists()
