"""Documentation of the action plugin cluster_status."""

DOCUMENTATION = r"""
module: cluster_status
short_description: Show on one screen how a cluster is, and what needs doing
description:
  - Nodes, etcd, systems, backups, room and certificates, and what needs doing, what is worst first.
  - It runs on the controller and changes nothing.
  - It fails while anything needs doing now, so that a monitoring check can call it; a node that is cordoned, say, only is on the list.
options:
  systems:
    description: "What each system's role says of its membership: system, namespace, workload, program, input."
    type: list
    elements: dict
    required: true
  certificates: {description: What the checks certificates and rotation found., type: list, elements: dict, required: true}
  nodes: {description: Names that the inventory has., type: list, elements: str, required: true}
  version: {description: "Version of Kubernetes that each kubelet should have, without v.", type: str, required: true}
  domain: {description: Domain of the label that operations leave on a node., type: str, required: true}
  restored: {description: Report of the last restore., type: path, required: true}
  path: {description: File that gets all of it as JSON., type: path, required: true}
  output: {description: What the screen shows., type: str, choices: [text, json], default: text}
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
  kubectl: {description: The kubectl to use., type: path, required: true}
  namespace: {description: "Namespace of the toolbox, from which systems are asked.", type: str, required: true}
author: VoiceHelper
"""

RETURN = r"""# nothing of its own
"""
