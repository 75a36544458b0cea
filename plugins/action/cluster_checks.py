"""Action of the module cluster_checks: all checks at once, from the controller."""

from __future__ import annotations

import dataclasses

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from bootstrap.checks import certificates, cluster, network, storage  # noqa: F401  (their checks register themselves)
from bootstrap.checks.base import Site, run
from bootstrap.checks.playground import Playground
from bootstrap.kube.api import ApiError


class ActionModule(ActionBase):
    """Gives the findings of the named checks; judging them is left to verify_report."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """See the documentation of the module."""
        super().run(tmp, task_vars)
        fields = [field for field in dataclasses.fields(Site) if field.init]
        tables = dict.fromkeys(("nodes", "secret_days", "rotating", "lives"), "dict")
        kinds = {**tables, "control_plane": "list", "volumes": "list", "guarded": "list", "patience": "float"}
        spec = {field.name: {"type": kinds.get(field.name, "str"), "required": True} for field in fields}
        _, arguments = self.validate_argument_spec(argument_spec={**spec, "checks": {"type": "list", "elements": "str", "required": True}})
        checks = arguments.pop("checks")
        try:
            findings = run(Site(**arguments), checks, Playground, read_only=self._task.check_mode)
        except KeyError as error:
            raise AnsibleActionFail(error.args[0]) from error
        except ApiError as error:
            raise AnsibleActionFail(f"The cluster could not be checked: {error}") from error
        return {"changed": False, "findings": [finding.record() for finding in findings]}
