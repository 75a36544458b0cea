"""Which systems playbooks/backup.yml and restore.yml work on, by tag and without."""

from __future__ import annotations

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template

SECRETS = ["site_ca", "backup_minio_s3", "backup_postgresql_s3", "backup_postgresql_cipher", "backup_redis_s3", "restore_s3"]
init_plugin_loader([])


@pytest.fixture
def chosen(project):
    """What an expression of a playbook gives for tags, while of two known systems PostgreSQL alone is deployed."""
    shared = yaml.safe_load((project / "group_vars/all/backup.yml").read_text())
    plays = {name: yaml.safe_load((project / f"playbooks/{name}.yml").read_text()) for name in ("backup", "restore")}
    variables = {name: trust_as_template(shared[name]) for name in ("backup_in_bucket", "backup_known")}
    loop = next(task for play in plays["backup"] for task in play.get("tasks", []) if task["name"] == "Run the backups")["loop"]
    own = next(play["vars"] for play in plays["restore"] if "vars" in play)
    variables |= {"restore_deployed": trust_as_template(own["restore_deployed"])}
    variables |= {"restore_jobs": [{"metadata": {"name": name}} for name in ("postgresql-backup", "redis-other")]}

    def value(playbook, *tags):
        given = {"site_secrets": dict.fromkeys(SECRETS), "ansible_run_tags": list(tags), **variables}
        return list(Templar(DataLoader(), given).template(trust_as_template({"backup": loop, "restore": own["restore_systems"]}[playbook])))

    return value


def test_all_that_have_a_user_of_the_bucket_are_backed_up_and_minio_last(chosen):
    assert chosen("backup", "all") == ["postgresql", "redis", "minio"]
    assert chosen("restore", "all") == ["postgresql"]


@pytest.mark.parametrize("playbook", ["backup", "restore"])
def test_a_tag_is_a_system(chosen, playbook):
    assert chosen(playbook, "redis", "minio") == ["redis", "minio"]
    assert chosen(playbook, "etcd") == []
