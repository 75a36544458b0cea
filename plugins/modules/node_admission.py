"""Documentation of the action plugin node_admission."""

DOCUMENTATION = r"""
module: node_admission
short_description: Refuse what the cluster cannot do without a node
description:
  - Asks the API, etcd and each system whether they can carry an operation on a node, and tells what speaks against it, all in one table.
  - It runs on the controller and changes nothing, in check mode neither.
options:
  operation:
    description: >-
      C(drain) moves pods away until the node is uncordoned; C(reboot) restarts the machine; C(replace) makes it anew and keeps its data;
      C(wipe) makes it anew without; C(remove) takes it out of the cluster.
    type: str
    choices: [drain, reboot, replace, wipe, remove]
    required: true
  nodes: {description: Names of the nodes; more than one is refused., type: list, elements: str, required: true}
  inventory: {description: Names that the inventory has., type: list, elements: str, required: true}
  systems:
    description: "What each system's role says of its membership: system, namespace, workload, program, input."
    type: list
    elements: dict
    required: true
  accepted:
    description: Systems, and claims as namespace/name, whose absence or loss the operator accepts.
    type: list
    elements: str
    default: []
  settle: {description: Seconds in which a system that is not whole may become it; it is asked again and again., type: int, default: 0}
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
  kubectl: {description: The kubectl to use., type: path, required: true}
  namespace: {description: "Namespace of the toolbox, from which systems are asked.", type: str, required: true}
author: VoiceHelper
"""

EXAMPLES = r"""
- name: Ask whether the rest can carry it
  node_admission:
    operation: drain
    nodes: [worker-1]
    inventory: "{{ groups['nodes'] }}"
    systems: "{{ maintenance_systems }}"
    kubectl: "{{ platform_bin_dir }}/kubectl"
    namespace: "{{ platform_namespaces.storage }}"
"""

RETURN = r"""
cordoned:
  description: Those of the nodes that take no new pods already.
  type: list
  elements: str
  returned: success
ready:
  description: Those of the nodes whose kubelet is there.
  type: list
  elements: str
  returned: success
members:
  description: System to its members on the nodes.
  type: dict
  returned: success
leaders:
  description: Members on the nodes that lead anything.
  type: list
  elements: str
  returned: success
volumes:
  description: Persistent volumes that lie on the nodes alone, with the claim that has each, as namespace/name, if any.
  type: list
  elements: dict
  returned: success
pods:
  description: Node to the pods that a drain moves away.
  type: dict
  returned: success
"""
