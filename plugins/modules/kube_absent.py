"""Documentation of the action plugin kube_absent."""

DOCUMENTATION = r"""
module: kube_absent
short_description: Remove one Kubernetes object and wait until it is gone
description:
  - What depends on the object goes first. An object without the given labels is not removed, and that is an error.
options:
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
  api_version: {description: Its apiVersion., type: str, required: true}
  kind: {description: Its kind., type: str, required: true}
  name: {description: Its name., type: str, required: true}
  namespace: {description: Its namespace., type: str, default: ""}
  labels: {description: Labels that it must have., type: dict, required: true}
  timeout: {description: Seconds in which it must be gone., type: int, default: 180}
author: VoiceHelper
"""

EXAMPLES = r"""
- kube_absent:
    api_version: v1
    kind: Namespace
    name: scratch
    labels: {example.org/bundle: scratch}
"""
