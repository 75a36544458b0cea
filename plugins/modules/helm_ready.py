"""Documentation of the action plugin helm_ready."""

DOCUMENTATION = r"""
module: helm_ready
short_description: Wait until what a chart installed works
description:
  - Reads helm's record of a release for its objects, and waits until its workloads, Jobs and definitions of kinds are what M(k8s_bundle)
    calls ready, all together.
  - A failure names every object that is not ready, with its conditions, pods, last log lines and events.
  - In check mode nothing is waited for.
options:
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
  namespace: {description: Namespace of the release., type: str, required: true}
  name: {description: Its name., type: str, required: true}
  timeout: {description: Seconds to wait for the whole release., type: float, default: 300}
author: VoiceHelper
"""

EXAMPLES = r"""
- helm_ready:
    namespace: cert-manager
    name: cert-manager
"""

RETURN = r"""
objects: {description: How many were waited for., type: int, returned: success}
"""
