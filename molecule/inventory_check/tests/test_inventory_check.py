"""Every site of this repository passes the inventory check."""

import os
from pathlib import Path

import pytest

PROJECT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
SITES = sorted(path.parent.name for path in PROJECT.glob("inventories/*/hosts.yml"))


@pytest.mark.parametrize("site", SITES)
def test_the_site_passes(host, site):
    command = f"ansible-playbook playbooks/inventory_check.yml -i inventories/{site}"
    answer = host.run(f"cd {PROJECT} && env -u ANSIBLE_CONFIG {command}")
    assert answer.rc == 0, answer.stdout
