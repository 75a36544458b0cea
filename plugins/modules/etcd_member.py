"""Documentation of the action plugin etcd_member."""

DOCUMENTATION = r"""
module: etcd_member
short_description: Take a control plane out of etcd's members
description:
  - Tells one of the other members, by C(kubectl exec). Nothing happens where it is none.
  - It runs on the controller; in check mode it only tells.
options:
  name: {description: Name of the node., type: str, required: true}
  state: {description: What is wanted., type: str, choices: [absent], default: absent}
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
  kubectl: {description: The kubectl to use., type: path, required: true}
author: VoiceHelper
"""

EXAMPLES = r"""
- name: Take it out of etcd
  etcd_member:
    name: cp-2
    kubectl: "{{ platform_bin_dir }}/kubectl"
"""

RETURN = r"""# nothing of its own
"""
