"""The lookup role_data: a role's variables as its own tasks would see them, and the options that roles have alike."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, lookup_loader
from ansible.template import Templar, trust_as_template

from bootstrap import roles
from bootstrap.validators import declared

PROJECT = Path(__file__).parents[2]
init_plugin_loader([])


@pytest.fixture
def role(tmp_path, monkeypatch):
    """A role `demo` whose data reaches for its templates and files."""
    files = {
        "defaults/main.yml": "demo_size: small\n",
        "vars/main.yml": (
            "demo_kind: own\n"
            "demo_checks:\n"
            "  script: \"{{ lookup('ansible.builtin.template', 'check.j2') }}\"\n"
            "  client: \"{{ lookup('ansible.builtin.file', 'client.py') }}\"\n"
        ),
        "templates/check.j2": "{{ demo_size }} {{ demo_kind }} {{ site }}",
        "files/client.py": "print()",
    }
    for name, text in files.items():
        path = tmp_path / "demo" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    monkeypatch.setattr(roles, "ROLES", tmp_path)


def look_up(data, *, of="demo", given=None, **options):
    variables = {"site": trust_as_template("{{ 'berlin' }}"), **(given or {})}
    lookup_loader.add_directory(str(PROJECT / "plugins/lookup"))
    loader = DataLoader()
    lookup = lookup_loader.get("role_data", loader=loader, templar=Templar(loader, variables))
    return lookup.run([of], variables, data=data, **options)[0]


def test_data_is_templated_with_the_role_s_own_files(role):
    assert look_up("checks") == {"script": "small own berlin", "client": "print()"}


def test_defaults_yield_to_the_site_and_the_role_s_variables_do_not(role):
    given = {"demo_size": "large", "demo_kind": "another"}
    assert look_up("checks", given=given)["script"] == "large own berlin"


def test_a_role_without_the_variable(role):
    assert look_up("restore_timeout", default=3600) == 3600
    with pytest.raises(AnsibleLookupError, match="found no variable demo_restore_timeout in role demo"):
        look_up("restore_timeout")


def test_options_that_systems_have_alike_are_those_of_their_defaults():
    redis = declared.entry_points(PROJECT / "roles/redis")["main"]["options"]
    assert redis["redis_storage"]["type"] == "str" and "access-redis" in redis["redis_client_namespaces"]["description"]
    assert "redis_replicas" not in redis and "redis_java_options" not in redis  # it has no such default
    assert redis["redis_rto"]["choices"] == ["fast", "norm", "safe"]


def test_what_a_role_specifies_itself_wins():
    options = declared.entry_points(PROJECT / "roles/minio")["main"]["options"]
    assert "pool" in options["minio_replicas"]["description"]


def test_no_role_that_component_includes_includes_it():
    """It would find there what its first caller set, and go on for ever."""
    included = [
        task.get("ansible.builtin.include_role") for task in yaml.safe_load((PROJECT / "roles/component/tasks/main.yml").read_text())
    ]
    names = [role["name"] for role in included if role]
    assert names == ["platform_secrets"]
    assert all("name: component" not in path.read_text() for name in names for path in PROJECT.glob(f"roles/{name}/tasks/*.yml"))
