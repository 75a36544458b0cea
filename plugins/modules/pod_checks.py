"""Documentation of the action plugin pod_checks."""

DOCUMENTATION = r"""
module: pod_checks
short_description: Checks that run in short-lived pods, as the cluster's own clients would
description:
  - Runs a shell script in each of some pods, those of all systems at once, collects what they found and removes the pods.
    Leaves nothing behind.
  - >-
    A script calls C(works 'what' command...), which succeeds when the command does, and C(refused 'what' 'pattern' command...),
    which succeeds when the command fails and says what the pattern matches. Each call is a finding.
  - A pod that does not come to its end is a finding that failed.
  - Pods of one namespace that have the same labels and avoid the same are one pod with a container for each.
options:
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
  image: {description: Image with a shell and what the scripts call., type: str, required: true}
  systems:
    description: The systems to check.
    type: list
    elements: dict
    required: true
    suboptions:
      system: {description: Its name., type: str, required: true}
      namespace: {description: Namespace of its pods., type: str, required: true}
      timeout: {description: Seconds for each of its pods., type: int, default: 120}
      pods:
        description: The pods.
        type: list
        elements: dict
        required: true
        suboptions:
          name: {description: "With the system's name, that of the container.", type: str, required: true}
          script: {description: The script., type: str, required: true}
          labels: {description: Labels, which decide what network policies allow., type: dict, default: {}}
          env: {description: Environment as in a container., type: list, elements: dict, default: []}
          files: {description: Volumes by the folder where the script finds them., type: dict, default: {}}
          avoid: {description: "Labels of pods whose node this one avoids, if it can.", type: dict, default: {}}
author: VoiceHelper
"""

EXAMPLES = r"""
- pod_checks:
    image: example.org/toolbox:1
    systems:
      - system: redis
        namespace: voicehelper-storage
        pods: [{name: client, script: "works 'ping' redis-cli -h redis ping"}]
"""

RETURN = r"""
findings:
  description: What was found, system after system, each with C(system), C(check), C(ok) and C(found).
  type: list
  elements: dict
  returned: always
"""
