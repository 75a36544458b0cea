"""Lookup kube_object: an object as the cluster has it."""

from __future__ import annotations

from pathlib import Path

import ansible.module_utils
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

# The controller does not look there by itself.
ansible.module_utils.__path__.append(str(Path(__file__).parents[1] / "module_utils"))
from ansible.module_utils.kube_api import ApiError, KubeApi

DOCUMENTATION = r"""
name: kube_object
short_description: An object as the cluster has it
description:
  - Asks the cluster of C(platform_kubeconfig). Gives an empty table when there is no such object, or no cluster yet.
options:
  _terms:
    description: apiVersion, kind and name, such as C(apps/v1, StatefulSet, minio).
    required: true
  namespace:
    description: The namespace of a namespaced object.
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
  description: The object.
  type: list
  elements: dict
"""


class LookupModule(LookupBase):
    """Asks the API on the controller."""

    def run(self, terms, variables=None, **kwargs):
        """The object of `terms` = (apiVersion, kind, name), in a list.

        Raises:
            AnsibleLookupError: the API does not answer, or refuses.
        """
        self.set_options(var_options=variables, direct=kwargs)
        kubeconfig = Path(self._templar.template(self.get_option("kubeconfig")))  # variables come as they are written
        if not kubeconfig.is_file():
            return [{}]
        version, kind, name = terms
        meta = {"name": name, "namespace": self.get_option("namespace")}
        try:
            return [KubeApi(kubeconfig).get({"apiVersion": version, "kind": kind, "metadata": meta}) or {}]
        except ApiError as error:
            raise AnsibleLookupError(f"kube_object {version} {kind} {name}: {error}") from error
