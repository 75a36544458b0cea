"""Lookup kube_names: the names of the objects of one kind."""

from __future__ import annotations

from pathlib import Path

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from bootstrap.kube.api import ApiError, KubeApi

DOCUMENTATION = r"""
name: kube_names
short_description: The names of the objects of one kind
description:
  - Asks the cluster of C(platform_kubeconfig). Nothing when the site has no cluster yet.
options:
  _terms:
    description: apiVersion and kind, such as C(v1, Node).
    required: true
  namespace:
    description: The namespace of namespaced objects.
    type: str
    default: ""
  kubeconfig:
    description: The kubeconfig.
    type: str
    vars: [{name: platform_kubeconfig}]
    required: true
"""

RETURN = r"""
_raw:
  description: Names.
  type: list
  elements: str
"""


class LookupModule(LookupBase):
    """Asks the API on the controller."""

    def run(self, terms, variables=None, **kwargs):
        """Names of the objects of `terms` = (apiVersion, kind).

        Raises:
            AnsibleLookupError: the API does not answer, or refuses.
        """
        self.set_options(var_options=variables, direct=kwargs)
        kubeconfig = Path(self._templar.template(self.get_option("kubeconfig")))  # variables come as they are written
        if not kubeconfig.is_file():
            return []
        version, kind = terms
        reference = {"apiVersion": version, "kind": kind, "metadata": {"namespace": self.get_option("namespace")}}
        try:
            api = KubeApi(kubeconfig)
            return [item["metadata"]["name"] for item in api.request("GET", api.path(reference, collection=True))["items"]]
        except ApiError as error:
            raise AnsibleLookupError(f"kube_names {version} {kind}: {error}") from error
