"""Renders every bundle of every site as a run would: inventory, variables, role precedence and lookups are Ansible's own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import yaml

PROJECT = Path(__file__).parents[2]
os.environ.setdefault("ANSIBLE_CONFIG", str(PROJECT / "ansible.cfg"))

from ansible.cli import CLI  # noqa: E402 - reads its configuration when it is imported
from ansible.inventory.manager import InventoryManager  # noqa: E402
from ansible.parsing.dataloader import DataLoader  # noqa: E402
from ansible.playbook.play import Play  # noqa: E402
from ansible.plugins.loader import action_loader, init_plugin_loader  # noqa: E402
from ansible.template import Templar, trust_as_template  # noqa: E402
from ansible.vars.hostvars import HostVars  # noqa: E402
from ansible.vars.manager import VariableManager  # noqa: E402

SITES = sorted(path.parent.name for path in PROJECT.glob("inventories/*/hosts.yml"))
_INCLUDES = ("ansible.builtin.include_role", "ansible.builtin.import_role")

from tests import whole_mirror  # noqa: E402

init_plugin_loader([])
_k8s_bundle = sys.modules[action_loader.get("k8s_bundle", class_only=True).__module__]


@dataclass(frozen=True)
class Bundle:
    """One component's objects: where their template is and what its caller sets."""

    role: str
    name: str
    template: Path
    variables: dict = field(hash=False)

    def __str__(self):
        return self.name


def _uses(tasks):
    """(name, template, what its caller sets) of every bundle that the tasks apply, blocks opened."""
    for task in tasks or []:
        for part in ("block", "rescue", "always"):
            yield from _uses(task.get(part))
        if any(task.get(key) == {"name": "component"} for key in _INCLUDES):
            variables = task["vars"]
            yield variables["component_name"], variables.get("component_template", "bundle.yml.j2"), variables
        if "k8s_bundle" in task:
            yield task["k8s_bundle"]["name"], task["k8s_bundle"]["template"], {}


def services():
    """The roles of all services, of whichever mode."""
    table = yaml.safe_load((PROJECT / "group_vars/all/modes.yml").read_text())
    return sorted({role for roles in table["deploy_mode_services"].values() for role in roles} | set(table["deploy_common_services"]))


def _bundles():
    for path in sorted(PROJECT.glob("roles/*/tasks/*.yml")):
        role = path.parents[1].name
        if role != "component":
            for name, template, variables in _uses(yaml.safe_load(path.read_text())):
                yield Bundle(role, name, path.parents[1] / "templates" / template, variables)
    for role in services():
        if not (PROJECT / "roles" / role / "tasks").exists():
            yield Bundle(role, role, PROJECT / "roles" / role / "templates/bundle.yml.j2", {})
    for template in sorted(PROJECT.glob("roles/*/templates/restore.yml.j2")):
        role = template.parents[1].name
        yield Bundle(role, f"{role}-restore", template, {})


BUNDLES = list(_bundles())


def controller(state):
    """A loader that reads and decrypts as a run of `playbooks/` does; secrets are made in `state`, as the first run does."""
    command = ["ansible", "controller", "-i", "inventories/minimal", "-m", "include_role", "-a", "name=site_secrets"]
    new = ["-e", f"platform_state_dir={state}", "-e", "kubeadm_new_cluster=true"]
    subprocess.run([*command, *new], cwd=PROJECT, check=True, capture_output=True)
    loader = DataLoader()
    loader.set_basedir(str(PROJECT / "playbooks"))
    password = f"default@{PROJECT / 'plugins/vault_password.py'}"
    loader.set_vault_secrets(CLI.setup_vault_secrets(loader, [password], auto_prompt=False))
    return loader


class Site:
    """An inventory with all that Ansible knows about it, seen from the controller.

    :param state: directory that stands in for the site's own state directory.
    """

    def __init__(self, name, loader, state):
        self.name, self.loader, self.state = name, loader, state
        self._inventory = InventoryManager(self.loader, [str(PROJECT / "inventories" / name)])
        self._manager = VariableManager(self.loader, self._inventory)
        # A lab's store may be empty here; images are named alike wherever they come from.
        mirror = {"artifacts_source": "mirror", "artifacts_lock_file": str(whole_mirror.lock_file(state / "lock.json"))}
        self._manager._extra_vars = {"platform_state_dir": str(state), **mirror}
        HostVars(self._inventory, self._manager, self.loader)
        self._documents = {}

    def __str__(self):
        return self.name

    def changed(self, **variables):
        """The same site with other variables."""
        other = Site(self.name, self.loader, self.state)
        other._manager._extra_vars |= variables
        return other

    def add_node(self, name, group="workers"):
        """One more machine, before anything is rendered."""
        self._inventory.add_host(name, group=group)
        self._inventory.get_host(name).set_variable("ansible_host", "192.0.2.88")
        self._inventory.reconcile_inventory()

    def remove_node(self, name):
        """One machine less, before anything is rendered."""
        self._inventory._inventory.remove_host(self._inventory.get_host(name))
        self._inventory.clear_caches()

    def variables(self, role, host="localhost"):
        """What a task of `role` sees on the controller, or on another host."""
        play = Play.load({"hosts": "controller", "roles": [role]}, variable_manager=self._manager, loader=self.loader)
        task = next(task for block in play.roles[0].compile(play) for task in block.block if task._role)
        return self._manager.get_vars(play=play, host=self._inventory.get_host(host), task=task)

    def value(self, expression, role="component"):
        """The value of a template expression, such as `{{ sizing.postgresql }}`."""
        return Templar(loader=self.loader, variables=self.variables(role)).template(trust_as_template(expression))

    def text(self, role, template, host="localhost", **changes):
        """A file of a role as it would stand on a node, under variables that the site changed."""
        variables = {**self.variables(role, host), **changes}
        path = PROJECT / "roles" / role / "templates" / template
        source = trust_as_template(path.read_text())
        templar = Templar(loader=self.loader, variables=variables).copy_with_new_env(searchpath=[str(path.parent)])
        return templar.template(source, escape_backslashes=False, overrides={"trim_blocks": True})

    def documents(self, bundle):
        """The objects of a bundle, as they would be sent to the API server."""
        if bundle not in self._documents:
            search = {"ansible_search_path": [str(bundle.template.parents[1])]}  # where a task's lookup of a file looks
            variables = {**self.variables(bundle.role), **bundle.variables, **search}
            templar = Templar(loader=self.loader, variables=variables)
            text = _k8s_bundle.rendered(self.loader, templar, bundle.template, variables)
            objects = _k8s_bundle.parse(text, bundle.template)
            for item in objects:
                _k8s_bundle.prepare(item, {})
            self._documents[bundle] = objects
        return self._documents[bundle]

    @cached_property
    def objects(self):
        """All objects of the site."""
        return [item for bundle in BUNDLES for item in self.documents(bundle)]
