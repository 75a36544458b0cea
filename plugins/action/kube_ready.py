"""Action of the module kube_ready: it asks from the controller, in one request."""

from __future__ import annotations

from bootstrap.ansible import KubernetesAction
from bootstrap.errors import BootstrapError
from bootstrap.kube.api import ApiError, KubeApi


class ActionModule(KubernetesAction):
    """Fails unless the API server of a kubeconfig answers that it is ready."""

    def execute(self, arguments, task_vars):
        kubeconfig, api = arguments["kubeconfig"], self.cluster(arguments, patience=arguments["timeout"])
        try:
            answer = api.request("GET", "/readyz")
        except ApiError as error:
            ready = [address for address in arguments["addresses"] if self._ready(kubeconfig, f"https://{address}:{arguments['port']}")]
            alone = (
                f"{', '.join(ready)} is ready: what holds platform_api_vip (crictl ps -a --name kube-vip, crictl logs) is what to look at."
            )
            raise BootstrapError(
                f"The Kubernetes API of {kubeconfig} is not ready after {arguments['timeout']} s: found {error.message}; wanted ok. "
                f"Asked by its own address, {alone if ready else 'no control plane is ready either: is one up?'}"
            ) from error
        return {"answer": answer}

    @staticmethod
    def _ready(kubeconfig, server):
        """Whether one API server is ready, asked past the address that all share."""
        try:
            KubeApi(kubeconfig, patience=0, server=server).request("GET", "/readyz")
        except ApiError:
            return False
        return True
