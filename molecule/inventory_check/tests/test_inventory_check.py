"""Every site of this repository passes the inventory check once its mirror is there."""

from pathlib import Path

import pytest

from tests.whole_mirror import lock_file

PROJECT = Path(__file__).parents[3]
SITES = sorted(path.parent.name for path in PROJECT.glob("inventories/*/hosts.yml"))


@pytest.mark.parametrize("site", SITES)
def test_the_site_passes(host, site, tmp_path):
    mirror = f"-e artifacts_lock_file={lock_file(tmp_path / 'lock.json')}"
    command = f"ansible-playbook playbooks/inventory_check.yml -i inventories/{site} {mirror}"
    answer = host.run(f"cd {PROJECT} && env -u ANSIBLE_CONFIG {command}")
    assert answer.rc == 0, answer.stdout
