"""Documentation of the action plugin helm_unlock."""

DOCUMENTATION = r"""
module: helm_unlock
short_description: Remove the lock that a killed helm left on its release
description:
  - A helm that is killed leaves its release C(pending-install), C(pending-upgrade) or C(pending-rollback), and from then on helm refuses
    every operation on it. The record of that operation is removed; what was applied stays, and the next operation takes it over.
  - An operation that began less than C(timeout) ago may still be at work, so it is waited for. In check mode nothing is waited for or
    removed.
options:
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
  namespace: {description: Namespace of the release., type: str, required: true}
  name: {description: Its name., type: str, required: true}
  timeout: {description: Seconds that an operation on it may take., type: int, required: true}
author: VoiceHelper
"""

EXAMPLES = r"""
- helm_unlock:
    namespace: kube-system
    name: cilium
    timeout: 120
"""

RETURN = r"""
removed: {description: Names of the records that were removed., type: list, elements: str, returned: success}
"""
