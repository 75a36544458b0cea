"""Documentation of the action plugin secrets_rewrite."""

DOCUMENTATION = r"""
module: secrets_rewrite
short_description: Have every Secret of a cluster encrypted by the key in force
description:
  - Asks for a change of nothing in each Secret. The API server then writes anew what another key encrypted, and leaves the rest alone.
  - A Secret that no key of the API server opens is an error. In check mode nothing is written.
options:
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
author: VoiceHelper
"""

EXAMPLES = r"""
- secrets_rewrite:
"""

RETURN = r"""
written: {description: Namespace and name of each Secret that was written anew., type: list, elements: str, returned: success}
"""
