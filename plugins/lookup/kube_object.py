"""Lookup kube_object: an object, or all objects of a kind, as the cluster has them."""

from __future__ import annotations

from pathlib import Path

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from bootstrap.kube.api import ApiError, KubeApi

DOCUMENTATION = r"""
name: kube_object
short_description: Objects as the cluster has them
description:
  - Asks the cluster of C(platform_kubeconfig). Gives an empty table when there is no such object, or no cluster yet.
options:
  _terms:
    description: apiVersion, kind and name, such as C(apps/v1, StatefulSet, minio); without a name all of the kind.
    required: true
  namespace:
    description: The namespace of a namespaced object.
    type: str
    default: ""
  labels:
    description: A label selector for objects that are not named.
    type: str
    default: ""
  patience:
    description: Seconds to wait for a cluster that does not answer.
    type: int
    default: 60
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
        """The object of `terms` = (apiVersion, kind, name), in a list; the objects of (apiVersion, kind).

        Raises:
            AnsibleLookupError: the API does not answer, or refuses.
        """
        self.set_options(var_options=variables, direct=kwargs)
        kubeconfig = Path(self._templar.template(self.get_option("kubeconfig")))  # variables come as they are written
        version, kind, *name = terms
        if not kubeconfig.is_file():
            return [{}] if name else []
        meta = {"name": "".join(name), "namespace": self.get_option("namespace")}
        reference = {"apiVersion": version, "kind": kind, "metadata": meta}
        try:
            api = KubeApi(kubeconfig, self.get_option("patience"))
            return [api.get(reference) or {}] if name else api.request("GET", *self._collection(api, reference))["items"]
        except ApiError as error:
            raise AnsibleLookupError(f"kube_object {' '.join(terms)}: {error}") from None

    def _collection(self, api, reference):
        labels = self.get_option("labels")
        return api.path(reference, collection=True), {"labelSelector": labels} if labels else None
