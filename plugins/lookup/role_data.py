"""Lookup role_data: what a role says of its system, read without running the role."""

from __future__ import annotations

from pathlib import Path

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.template import trust_as_template

from bootstrap.roles import role_variables

DOCUMENTATION = r"""
name: role_data
short_description: What a role says of its system
description:
  - Gives a variable of each named role as a task of that role would see it, with files and templates of that role within reach.
  - So one task can work on the data of many systems.
options:
  _terms:
    description: Names of roles.
    required: true
  data:
    description: Name of the variable without the role's own, as C(checks) for C(redis_checks).
    type: str
    required: true
  default:
    description: What stands for a role without that variable. Without a default such a role is an error.
    type: raw
author: VoiceHelper
"""

RETURN = r"""
_raw:
  description: The value for each role.
  type: list
  elements: raw
"""


class LookupModule(LookupBase):
    """Reads defaults and variables of roles."""

    def run(self, terms, variables=None, **kwargs):
        """The value for each of the roles.

        Raises:
            AnsibleLookupError: there is no such role, or it has no such variable and there is no default.
        """
        self.set_options(direct=kwargs)
        return [self._value(role, f"{role}_{self.get_option('data')}", variables or {}) for role in terms]

    def _value(self, role, name, variables):
        own = role_variables(self._loader, role, variables)
        if name not in own:
            if self.get_option("default") is None:
                raise AnsibleLookupError(f"role_data: found no variable {name} in role {role}")
            return self.get_option("default")
        templar = self._templar.copy_with_new_env(available_variables=own, searchpath=[str(Path(own["role_path"]) / "templates")])
        return templar.template(trust_as_template("{{ " + name + " }}"))
