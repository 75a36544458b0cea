"""The table of modes and the playbooks of the tiers name the same systems."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader

from artifacts.catalogue import Catalogue
from bootstrap.roles import role_variables

PROJECT = Path(__file__).parents[2]
TABLE = yaml.safe_load((PROJECT / "group_vars/all/modes.yml").read_text())
MODES, SERVICES = TABLE["deploy_modes"], TABLE["deploy_mode_services"]


def deployed():
    """Role → its entry in the playbooks of the tiers that a mode chooses from."""
    plays = [play for path in PROJECT.glob("playbooks/tiers/0[2-4]-*.yml") for play in yaml.safe_load(path.read_text())]
    return {entry["role"]: entry for play in plays for entry in play.get("roles", [])}


def test_the_default_mode_has_everything():
    for table in (MODES, SERVICES):
        assert set(table[TABLE["deploy_mode"]]) == {component for components in table.values() for component in components}
    assert list(MODES) == list(SERVICES)


def test_the_tiers_deploy_what_the_table_names():
    assert sorted(deployed()) == sorted(MODES["full"])


def test_the_artifact_catalogue_knows_them():
    """So that a store can be filled for a mode alone."""
    assert {system for image in Catalogue.load().images() for system in image.systems} == {*MODES["full"], *SERVICES["full"]}


@pytest.mark.parametrize("component", MODES["full"])
def test_a_component_is_chosen_by_mode_and_by_tag_and_can_be_verified(component):
    entry = deployed()[component]
    assert entry["when"] == f"'{component}' in deploy_components"
    assert component in entry["tags"]
    assert f"{component}_checks" in role_variables(DataLoader(), component, {})
