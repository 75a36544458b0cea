"""Documentation of the action plugin node_drain."""

DOCUMENTATION = r"""
module: node_drain
short_description: Move the pods of a node away
description:
  - All at once, by evictions, and asked again while a budget refuses. Pods of DaemonSets and static pods stay.
  - It runs on the controller and says every 20 seconds what is awaited. In check mode it only tells which pods would leave.
options:
  name: {description: Name of the node, which takes no new pods any more., type: str, required: true}
  groups:
    description:
      - System to its members on the node, which may be away together, as it has said. A budget that one of them has used up does not hold
        the next one, as their volumes are on this node and none is back before all are.
    type: dict
    default: {}
  dead: {description: The machine is gone and nobody ends its pods. They are given up., type: bool, default: false}
  timeout: {description: Seconds in which the pods have to be gone., type: int, default: 600}
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
author: VoiceHelper
"""

EXAMPLES = r"""
- name: Move its pods away
  node_drain:
    name: worker-1
    groups: {redis: [redis-cluster-0, redis-cluster-5]}
"""

RETURN = r"""
pods:
  description: Those that are still to leave.
  type: list
  elements: str
  returned: success
"""
