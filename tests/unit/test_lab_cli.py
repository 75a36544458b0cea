"""What a user of ``lab`` sees when something is wrong: one line, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
        (["kubectl", "--topology", "minimal", "get", "nodes"], "lab: no cluster yet"),
    ],
)
def test_a_mistake_is_one_line(lab, arguments, message):
    result = lab(*arguments)
    assert result.returncode == 1
    assert result.stderr.startswith(message)
    assert len(result.stderr.splitlines()) == 1


def test_inventory_prints_what_ansible_takes(lab, tmp_path):
    assert lab("inventory").stdout == "inventories/lab\n"
    derived = tmp_path / "recommended/inventory"
    assert lab("inventory", "-t", "recommended").stdout == f"{derived}\n"
    assert (derived / "hosts.yml").exists()
