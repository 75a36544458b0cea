"""Documentation of the action plugin kube_ready."""

DOCUMENTATION = r"""
module: kube_ready
short_description: Fail unless the Kubernetes API answers
description: Asks the API server of a kubeconfig whether it is ready. It runs on the controller and changes nothing.
options:
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
  timeout:
    description: Seconds to wait for an API server that is starting or moving.
    type: int
    default: 30
  addresses:
    description: Own addresses of the control planes; they tell, when the API does not answer, whether one of them would.
    type: list
    elements: str
    default: []
  port:
    description: Port of the API at these addresses.
    type: int
    default: 6443
author: VoiceHelper
"""

EXAMPLES = r"""
- name: The Kubernetes API answers
  kube_ready:
"""

RETURN = r"""
answer:
  description: What the API server said.
  type: str
  returned: success
"""
