"""Documentation of the action plugin k8s_prune."""

DOCUMENTATION = r"""
module: k8s_prune
short_description: Remove the objects of bundles, but not their volumes
description:
  - Finds every object that the role C(component) applied for the named bundles, by their label and the field manager, and shows them.
  - Told to, it removes them. Workloads go first, and what their pods need only after the pods have ended. Claims and volumes stay.
  - In check mode it shows what would go.
options:
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
  label:
    description: Key of the label whose value is the bundle's name.
    type: str
    required: true
  bundles:
    description: Names of the bundles that should not be there.
    type: list
    elements: str
    required: true
  remove:
    description: Whether to remove what is found.
    type: bool
    default: false
  timeout:
    description: Seconds until everything must be gone.
    type: int
    default: 300
author: VoiceHelper
"""

EXAMPLES = r"""
- name: Remove RabbitMQ
  k8s_prune:
    label: "{{ platform_domain }}/bundle"
    bundles: [rabbitmq]
    remove: true
"""

RETURN = r"""
objects:
  description: What was found, as C(Kind namespace/name).
  type: list
  elements: str
  returned: success
kept:
  description: The claims that stay, as C(namespace/name).
  type: list
  elements: str
  returned: success
"""
