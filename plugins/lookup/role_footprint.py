"""Lookup role_footprint: what a role leaves on a machine, read without running the role."""

from __future__ import annotations

from pathlib import Path

from ansible.plugins.lookup import LookupBase
from ansible.template import trust_as_template

from bootstrap.roles import role_variables, written_files

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
author: VoiceHelper
"""

RETURN = r"""
_raw:
  description: "C({path, restarts}) of each, in which C(*) stands for any part of a name; C(restarts) is the unit that reads it, or empty."
  type: list
  elements: dict
"""


class LookupModule(LookupBase):
    """Reads tasks, defaults and variables of roles."""

    def run(self, terms, variables=None, **kwargs):
        """The paths of these roles, role by role."""
        return [entry for role in terms for entry in self._of(role, variables or {})]

    def _of(self, role, variables):
        own = role_variables(self._loader, role, variables)
        templar = self._templar.copy_with_new_env(available_variables=own, searchpath=[str(Path(own["role_path"]) / "templates")])
        for files in written_files(self._loader, role):
            for item in templar.template(files) if isinstance(files, str) else files:
                path = templar.template(trust_as_template(item["path"].replace("{each}", "*")))
                reader = templar.template(item["restarts"]) if item.get("restarts") else ""
                for name in [path, f"{path}.proven"] if item.get("trial") else [path]:  # node_files keeps what was before the trial
                    yield {"path": name, "restarts": reader}
        for path in templar.template(own.get(f"{role}_footprint", [])):
            yield {"path": path, "restarts": ""}
