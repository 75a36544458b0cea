"""Every system says whether it can lose members: where its pods are, and which program asks them."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader

from bootstrap.roles import role_variables

PROJECT = Path(__file__).parents[2]
SYSTEMS = yaml.safe_load((PROJECT / "group_vars/all/modes.yml").read_text())["deploy_modes"]["full"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_names_its_members_and_its_program(system):
    found = role_variables(DataLoader(), system, {})[f"{system}_membership"]
    assert set(found) - {"other_workloads"} == {"system", "namespace", "workload", "program", "input"}
    assert (found["system"], found["program"]) == (system, f"{system}.membership")
    assert callable(importlib.import_module(f"programs.{found['program']}").ask)
