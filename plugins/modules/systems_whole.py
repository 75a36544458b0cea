"""Documentation of the action plugin systems_whole."""

DOCUMENTATION = r"""
module: systems_whole
short_description: Wait until nodes, etcd and all systems are whole
description:
  - Every node is Ready, every member of etcd answers, and every system says that all of its members have caught up.
  - It runs on the controller, says every 20 seconds what is missing, and changes nothing; in check mode it does not wait.
options:
  systems:
    description: "What each system's role says of its membership: system, namespace, workload, program, input."
    type: list
    elements: dict
    required: true
  nodes: {description: Nodes whose kubelet must be heard from first., type: list, elements: str, default: []}
  except:
    description: Nodes that are away on purpose; nothing is expected of them and of systems with members there.
    type: list
    elements: str
    default: []
  as_found:
    description: Leave out, besides, nodes that are not Ready when it begins, but those of C(nodes).
    type: bool
    default: false
  timeout: {description: Seconds to wait., type: int, default: 900}
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
  kubectl: {description: The kubectl to use., type: path, required: true}
  namespace: {description: "Namespace of the toolbox, from which systems are asked.", type: str, required: true}
author: VoiceHelper
"""

EXAMPLES = r"""
- name: Wait until everything is whole
  systems_whole:
    systems: "{{ maintenance_systems }}"
    kubectl: "{{ platform_bin_dir }}/kubectl"
    namespace: "{{ platform_namespaces.storage }}"
"""

RETURN = r"""
seconds:
  description: How long it took.
  type: float
  returned: success
"""
