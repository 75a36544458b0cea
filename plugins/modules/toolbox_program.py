"""Documentation of the action plugin toolbox_program."""

DOCUMENTATION = r"""
module: toolbox_program
short_description: Run a program of the toolbox image inside the cluster, which converges what a system is declared to hold
description:
  - The program is a module of the package C(programs) in that image. It runs in the pod of the Deployment C(toolbox), which reaches every
    system and holds no credential. What it needs
    travels on its standard input, never in an argument, an environment variable or the result.
  - >-
    It reads one JSON document, O(input) with C(check), compares what is wanted with what it finds, applies the difference unless C(check)
    is true, and prints C({"actions": [...]}) as its last line. A non-zero exit fails the task with what it wrote to standard error.
options:
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
  kubectl: {description: The kubectl to use., type: path, required: true}
  namespace: {description: Namespace of the toolbox., type: str, required: true}
  image:
    description: The image that the toolbox should run. A check asks no program of another one, which this very run would replace first.
    type: str
    required: true
  program: {description: "The program: a module of C(programs), such as C(kafka.objects).", type: str, required: true}
  input: {description: What the program reads; it may hold secrets., type: dict, required: true}
  timeout: {description: Seconds that the program may take., type: int, default: 120}
author: VoiceHelper
"""

EXAMPLES = r"""
- toolbox_program:
    kubectl: credentials/bin/kubectl
    namespace: voicehelper-storage
    image: "{{ lookup('image', 'toolbox') }}"
    program: kafka.objects
    input: {host: kafka, password: "{{ secret }}", topics: [{name: events, partitions: 12}]}
"""

RETURN = r"""
present:
  description: Whether there is a toolbox of that image. It may lack in check mode only; then nothing is done.
  type: bool
  returned: always
actions:
  description: What the program did, or would do in check mode.
  type: list
  elements: str
  returned: always
"""
