"""Lookup role_footprint: what a role leaves on a machine, read without running the role."""

from __future__ import annotations

from pathlib import Path

from ansible.plugins.lookup import LookupBase
from ansible.template import trust_as_template

from bootstrap.roles import role_variables, told_node_files

DOCUMENTATION = r"""
name: role_footprint
short_description: What a role leaves on a machine
description:
  - Gives the paths of all files that tasks of the role write by C(node_files), as these tasks say them, and those of C(<role>_footprint),
    which is what the programs that the role brings make by themselves.
  - What C(node_artifacts) brings stands in its stamps on the machine.
options:
  _terms:
    description: Names of roles.
    required: true
  units:
    description: Give the names of the units that tasks of the role have run or enabled in place of the paths.
    type: bool
    default: false
author: VoiceHelper
"""

RETURN = r"""
_raw:
  description: "C({path, restarts}) of each, in which C(*) stands for any part of a name; C(restarts) is the unit that reads it, or empty."
  type: list
  elements: raw
"""


class LookupModule(LookupBase):
    """Reads tasks, defaults and variables of roles."""

    def run(self, terms, variables=None, **kwargs):
        """The paths or units of these roles, role by role."""
        self.set_options(direct=kwargs)
        give = self._units if self.get_option("units") else self._paths
        found = [entry for role in terms for entry in give(role, *self._seen_by(role, variables or {}))]
        return [entry for number, entry in enumerate(found) if entry not in found[:number]]  # what several tasks write goes once

    def _seen_by(self, role, variables):
        own = role_variables(self._loader, role, variables)
        return own, self._templar.copy_with_new_env(available_variables=own, searchpath=[str(Path(own["role_path"]) / "templates")])

    def _units(self, role, _, templar):
        for option in ("running", "enabled"):
            for names in told_node_files(self._loader, role, option):
                yield from templar.template(names)

    def _paths(self, role, own, templar):
        for files in told_node_files(self._loader, role, "files"):
            for item in templar.template(files) if isinstance(files, str) else files:
                path = templar.template(trust_as_template(item["path"].replace("{each}", "*")))
                reader = templar.template(item["restarts"]) if item.get("restarts") else ""
                for name in [path, f"{path}.proven"] if item.get("trial") else [path]:  # node_files keeps what was before the trial
                    yield {"path": name, "restarts": reader}
        for path in templar.template(own.get(f"{role}_footprint", [])):
            yield {"path": path, "restarts": ""}
