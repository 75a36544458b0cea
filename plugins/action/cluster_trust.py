"""Action of the module cluster_trust: it brings the CAs that count to all who keep a copy of them in the cluster."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from bootstrap.kube.api import ApiError, KubeApi
from bootstrap.secrets.trust import ClusterTrust, Untold


class ActionModule(ActionBase):
    """Waits for those who follow by themselves, and moves those who do not."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """See the documentation of the module."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            argument_spec={
                "kubeconfig": {"type": "path", "required": True},
                "client": {"type": "str", "required": True},
                "proxy": {"type": "str", "required": True},
                "evict": {"type": "bool", "default": False},
                "timeout": {"type": "int", "default": 600},
            }
        )
        if self._task.check_mode:
            return {"changed": False, "told": []}
        trust = ClusterTrust(KubeApi(arguments["kubeconfig"]), arguments["timeout"])
        try:
            told = trust.extensions(arguments["client"], arguments["proxy"]) + trust.pods(arguments["client"], arguments["evict"])
        except (ApiError, Untold) as error:
            raise AnsibleActionFail(str(error)) from error
        return {"changed": bool(told), "told": told}
