"""Documentation of the action plugin statefulset_stop."""

DOCUMENTATION = r"""
module: statefulset_stop
short_description: Stop all members of a StatefulSet at once
description:
  - For systems whose members do not speak to one another across a change, so that replacing them one at a time would never end. The bundle
    that is applied next starts all of them anew; claims and volumes stay.
  - Does nothing where there is no such StatefulSet. In check mode nothing is stopped.
options:
  kubeconfig: {description: The cluster., type: path, required: true}
  namespace: {description: Namespace of the StatefulSet., type: str, required: true}
  name: {description: Its name., type: str, required: true}
  timeout: {description: Seconds to wait until the last pod is gone., type: int, default: 180}
author: VoiceHelper
"""

EXAMPLES = r"""
- statefulset_stop:
    kubeconfig: credentials/kubeconfig
    namespace: voicehelper-storage
    name: minio
"""

RETURN = r"""
stopped: {description: How many members there were., type: int, returned: always}
"""
