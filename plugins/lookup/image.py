"""The name of a container image in the artifact catalogue, pinned by digest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from artifacts.sources import source_from_variables
from artifacts.store import ArtifactError

DOCUMENTATION = r"""
name: image
author: VoiceHelper
short_description: Reference of an image in the artifact catalogue
description:
  - Resolves names of C(artifacts_images) to the upstream name with tag and digest.
  - Refuses an image whose digest is not known.
  - Nodes are told by containerd's C(hosts.toml) where that name is mirrored, so manifests name upstream always.
options:
  _terms:
    description: Names in C(artifacts_images).
    required: true
"""

EXAMPLES = r"""
- name: Show the image of PostgreSQL
  ansible.builtin.debug:
    msg: "{{ lookup('image', 'postgres') }}"
"""

RETURN = r"""
_list: {description: "C(repository:tag@digest).", type: list, elements: str}
"""


class LookupModule(LookupBase):
    """Resolves images."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Give the reference for each name. Raises AnsibleLookupError."""
        try:
            source = source_from_variables(variables or {}, self._templar.template)
            return [source.image(term) for term in terms]
        except ArtifactError as error:
            raise AnsibleLookupError(str(error)) from error
