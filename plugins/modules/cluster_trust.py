"""Documentation of the action plugin cluster_trust."""

DOCUMENTATION = r"""
module: cluster_trust
short_description: Have what runs in a cluster trust the CAs that count, and no other
description:
  - API servers tell extensions of the API (C(extension-apiserver-authentication)) whom they trust, and never take a CA back. What has
    another one is removed, and they make it anew.
  - Waits until the controller manager has told every namespace (C(kube-root-ca.crt)), and tells nodes that join (C(cluster-info)).
  - With O(evict) pods that started before their namespace was told are evicted one after the other, as their disruption budgets allow,
    since most clients read it only at their start.
options:
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
  client: {description: "Certificates of the cluster's CA, two during a rotation, in PEM.", type: str, required: true}
  proxy: {description: The same of the front proxy's CA., type: str, required: true}
  evict: {description: Whether there is a CA that pods have not read yet., type: bool, default: false}
  timeout: {description: Seconds that each of these may take., type: int, default: 600}
author: VoiceHelper
"""

EXAMPLES = r"""
- cluster_trust:
    client: "{{ lookup('ansible.builtin.file', 'ca.crt') }}"
    proxy: "{{ lookup('ansible.builtin.file', 'front-proxy-ca.crt') }}"
"""

RETURN = r"""
told: {description: What was told or evicted., type: list, elements: str, returned: success}
"""
