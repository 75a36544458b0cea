"""Action of the module kube_ready: it asks from the controller, in one request."""

from __future__ import annotations

from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from bootstrap.kube.api import ApiError, KubeApi


class ActionModule(ActionBase):
    """Fails unless the API server of a kubeconfig answers that it is ready."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """See the documentation of the module."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            argument_spec={
                "kubeconfig": {"type": "path", "required": True},
                "timeout": {"type": "int", "default": 30},
                "addresses": {"type": "list", "elements": "str", "default": []},
                "port": {"type": "int", "default": 6443},
            }
        )
        kubeconfig = arguments["kubeconfig"]
        if not Path(kubeconfig).is_file():
            raise AnsibleActionFail(
                f"kubeconfig {kubeconfig}: found no file; wanted the cluster's, which playbooks/kubernetes.yml delivers."
            )
        try:
            answer = KubeApi(kubeconfig, patience=arguments["timeout"]).request("GET", "/readyz")
        except ApiError as error:
            ready = [address for address in arguments["addresses"] if self._ready(kubeconfig, f"https://{address}:{arguments['port']}")]
            alone = (
                f"{', '.join(ready)} is ready: what holds platform_api_vip (crictl ps -a --name kube-vip, crictl logs) is what to look at."
            )
            raise AnsibleActionFail(
                f"The Kubernetes API of {kubeconfig} is not ready after {arguments['timeout']} s: found {error.message}; wanted ok. "
                f"Asked by its own address, {alone if ready else 'no control plane is ready either: is one up?'}"
            ) from error
        return {"changed": False, "answer": answer}

    @staticmethod
    def _ready(kubeconfig, server):
        """Whether one API server is ready, asked past the address that all share."""
        try:
            KubeApi(kubeconfig, patience=0, server=server).request("GET", "/readyz")
        except ApiError:
            return False
        return True
