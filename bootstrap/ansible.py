"""What all actions of this project have alike.

An action is the half of a module that runs on the controller. The other half, `plugins/modules/<name>.py`, documents its options for
`ansible-doc` and for the reference pages, and that text is what arguments are held against: there is no second list of them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.parsing.plugin_docs import read_docstring
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

from bootstrap.errors import BootstrapError
from bootstrap.kube.api import KubeApi

MODULES = Path(__file__).resolve().parents[1] / "plugins/modules"
_RULES = ("type", "elements", "required", "default", "choices")


def specification(options: dict[str, Any]) -> dict[str, Any]:
    """Documented options as Ansible's argument spec has them."""
    spec = {name: {rule: option[rule] for rule in _RULES if rule in option} for name, option in options.items()}
    for name, option in options.items():
        if "suboptions" in option:
            spec[name]["options"] = specification(option["suboptions"])
    return spec


class ControllerAction(ActionBase):
    """An action whose work is done on the controller; a subclass does it in `execute`.

    `options` is the argument spec, read when the class is made: Ansible does that once a run, before it forks for the tasks.
    """

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    options: ClassVar[dict[str, Any]]
    about = ""  # what a failure is about, which `execute` may say: it stands before the error

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if cls.__module__ != __name__:
            module = MODULES / Path(sys.modules[cls.__module__].__file__).name
            documented = read_docstring(str(module), verbose=False, ignore_errors=False)["doc"]
            cls.options = specification(documented.get("options") or {})

    def execute(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Do the work; the result of the task, which has changed nothing unless it says so.

        Args:
            arguments: all documented options: as given, of their types, by default.
            task_vars: the variables of the task's host.

        Raises:
            BootstrapError: it cannot be done.
        """
        raise NotImplementedError

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Validate the arguments and do the work. Raises AnsibleActionFail where either fails."""
        result = super().run(tmp, task_vars) | {"changed": False}
        _, arguments = self.validate_argument_spec(self.options)
        try:
            return result | self.execute(arguments, task_vars)
        except BootstrapError as error:
            raise AnsibleActionFail(f"{self.about}: {error}" if self.about else str(error)) from error

    @property
    def check(self) -> bool:
        """Whether nothing may be changed."""
        return bool(self._task.check_mode)

    @property
    def diff(self) -> bool:
        """Whether the result is to show what differs."""
        return bool(self._task.diff)


class KubernetesAction(ControllerAction):
    """An action on a cluster: the one of its option `kubeconfig`, which is the site's unless another one is given."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """As of every action."""
        if "kubeconfig" not in self._task.args:
            site = self._templar.template(trust_as_template("{{ platform_kubeconfig }}"))
            self._task.args = {**self._task.args, "kubeconfig": site}
        return super().run(tmp, task_vars)

    @staticmethod
    def cluster(arguments: dict[str, Any], **settings: Any) -> KubeApi:
        """The API of the cluster; `settings` are those of KubeApi.

        Raises:
            ApiError: there is no such kubeconfig.
        """
        return KubeApi(arguments["kubeconfig"], **settings)
