"""Documentation of the action plugin run_lock."""

DOCUMENTATION = r"""
module: run_lock
short_description: Let one run at a time change the cluster
description:
  - Takes the Lease C(voicehelper-run) in C(kube-system) for the process of this run, which a process beside it renews until the run ends,
    however it ends. A second run of any controller is refused, with the name of the first.
  - A lock that nobody renews for 30 seconds is taken over. Where there is no cluster yet, or none that answers, there is nothing to lock.
  - In check mode, which changes nothing, no lock is taken.
options:
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
  timeout: {description: Seconds to wait for an API that is starting or moving., type: int, default: 10}
author: VoiceHelper
"""

EXAMPLES = r"""
- name: Let nobody else change the cluster meanwhile
  run_lock:
"""

RETURN = r"""
holder: {description: "Who has the lock now; empty where there is none.", type: str, returned: always}
"""
