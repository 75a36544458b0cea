"""Where a file of the artifact catalogue is to be had by this site, with its checksum."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from artifacts.sources import source_from_variables
from artifacts.store import ARCHITECTURES, ArtifactError

DOCUMENTATION = r"""
name: artifact
author: VoiceHelper
short_description: URL and checksum of a file in the artifact catalogue
description:
  - Resolves names of C(artifacts_files) for the site's C(artifacts_source), at the version in C(artifacts_versions).
  - Refuses a file whose checksum is not known.
options:
  _terms:
    description: Names in C(artifacts_files).
    required: true
  arch:
    description: C(amd64) or C(arm64). The architecture of the host that the task runs for, when not given.
    type: str
"""

EXAMPLES = r"""
- name: Show where kubeadm comes from
  ansible.builtin.debug:
    msg: "{{ lookup('artifact', 'kubeadm').url }}"
"""

RETURN = r"""
_list: {description: "One dictionary per name, with C(url), C(sha256), C(version) and C(path).", type: list, elements: dict}
"""


class LookupModule(LookupBase):
    """Resolves files."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[dict[str, str]]:
        """Give ``{url, sha256, version, path}`` for each name. Raises AnsibleLookupError."""
        self.set_options(var_options=variables, direct=kwargs)
        variables = variables or {}
        try:
            source = source_from_variables(variables, self._templar.template)
            arch = self.get_option("arch") or host_architecture(variables)
            return [source.file(term, arch) for term in terms]
        except ArtifactError as error:
            raise AnsibleLookupError(str(error)) from error


def host_architecture(variables: Mapping[str, Any]) -> str:
    """The host's architecture from its facts; the controller's own without facts. Raises ArtifactError."""
    machine = variables.get("ansible_facts", {}).get("architecture", "")
    if not machine and variables.get("ansible_connection") == "local":
        machine = platform.machine()
    if machine not in ARCHITECTURES:
        host = variables.get("inventory_hostname", "the host")
        raise ArtifactError(f"{host}: architecture {machine or 'unknown'!r}: gather the fact subset 'platform' first, or pass arch=")
    return ARCHITECTURES[machine]
