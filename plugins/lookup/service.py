"""Lookup service: where a service of the platform answers."""

from __future__ import annotations

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

DOCUMENTATION = r"""
name: service
short_description: Where a service of the platform answers
description: Reads the table O(services) and adds what follows from a service's name and namespace.
options:
  _terms:
    description: Names of services.
    required: true
  services:
    description: The table of the platform's services.
    type: dict
    vars: [{name: services}]
    required: true
  namespaces:
    description: Namespaces by the key that O(services) uses.
    type: dict
    vars: [{name: platform_namespaces}]
    required: true
  cluster_domain:
    description: DNS domain of the cluster.
    type: str
    vars: [{name: platform_cluster_domain}]
    required: true
author: VoiceHelper
"""

RETURN = r"""
_raw:
  description:
    - The entry of the table with C(name); C(namespace), spelled out; C(host), the full name; C(address), host and port;
      C(pods), for a headless service whose entry says how many, the addresses of its pods; C(names), all names that
      clients use, for a certificate.
  type: list
  elements: dict
"""


class LookupModule(LookupBase):
    """Reads the table of services."""

    def run(self, terms, variables=None, **kwargs):
        """The named services.

        Raises:
            AnsibleLookupError: a name is not in the table, or its namespace is not in platform_namespaces.
        """
        self.set_options(var_options=variables, direct=kwargs)
        # An option from a variable comes as it is written.
        options = [self._templar.template(self.get_option(name)) for name in ("services", "namespaces", "cluster_domain")]
        return [self._service(name, *options) for name in terms]

    @staticmethod
    def _service(name, table, namespaces, domain):
        if name not in table:
            raise AnsibleLookupError(f"service: found no {name!r} in services; wanted one of {sorted(table)}.")
        entry = table[name]
        if entry["namespace"] not in namespaces:
            wanted = ", ".join(sorted(namespaces))
            raise AnsibleLookupError(f"services.{name}.namespace: found {entry['namespace']!r}; wanted one of {wanted}.")

        namespace = namespaces[entry["namespace"]]
        host = f"{name}.{namespace}.svc.{domain}"
        names = [name, f"{name}.{namespace}", f"{name}.{namespace}.svc", host]
        if entry.get("headless"):
            names += [f"*.{each}" for each in names]
        return entry | {
            "name": name,
            "namespace": namespace,
            "host": host,
            "address": f"{host}:{entry['port']}",
            "pods": [f"{name}-{number}.{host}:{entry['port']}" for number in range(entry.get("pods", 0))],
            "names": names,
        }
