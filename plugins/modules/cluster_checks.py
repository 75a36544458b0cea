"""Documentation of the action plugin cluster_checks."""

DOCUMENTATION = r"""
module: cluster_checks
short_description: Check a running cluster from outside, as its users meet it
description:
  - Runs the named checks at once, on the controller, and gives what they found. It never fails because of a finding.
  - Checks that need pods make them in one namespace of their own, which is removed whatever happens; in check mode they are left out.
  - Each waits up to C(patience) for what is still settling.
  - Meanwhile the systems are used as their clients do, and as strangers, by a shell script in each of some pods of C(image).
  - >-
    A script calls C(works 'what' command...), which succeeds when the command does, and C(refused 'what' 'pattern' command...),
    which succeeds when the command fails and says what the pattern matches. Each call is a finding.
  - A pod that does not come to its end is a finding that failed.
  - Pods of one namespace that have the same labels and avoid the same are one pod with a container for each.
options:
  checks:
    description: >-
      Names of checks. C(api), C(nodes), C(pods), C(images), C(metrics), C(volumes), C(default_deny), C(pod_encryption), C(packet_filter),
      C(cron_jobs), C(certificates), C(rotation) only read; C(dns), C(pod_to_pod), C(service), C(network_policy), C(kubelet_certificate),
      C(load_balancer), C(storage), C(encryption) make pods.
    type: list
    elements: str
    required: true
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
  kubectl: {description: The kubectl to use., type: path, required: true}
  nodes: {description: "The nodes that the cluster must have, name to address.", type: dict, required: true}
  control_plane: {description: Names of the nodes that serve the API., type: list, elements: str, required: true}
  api_address: {description: "host:port by which users reach the API.", type: str, required: true}
  kubernetes_version: {description: "Version that each running kubelet must have, without v.", type: str, required: true}
  cluster_domain: {description: DNS domain of the cluster., type: str, required: true}
  image: {description: Image of the probing pods; it has a shell and Python., type: str, required: true}
  label: {description: Label of the namespaces that checks make., type: str, required: true}
  storage_class: {description: Storage class whose volumes must keep data., type: str, required: true}
  volumes: {description: "Static volumes that must be there, with name and system.", type: list, elements: dict, required: true}
  guarded: {description: "Namespaces that must deny by default, where they are there.", type: list, elements: str, required: true}
  pod_encryption: {description: "wireguard or none, as the site says.", type: str, required: true}
  secret_days: {description: "Days until each certificate of the vault ends, by name.", type: dict, required: true}
  rotating: {description: "Secrets that are being rotated, name to the step reached.", type: dict, required: true}
  lives: {description: "Days below which a certificate is a finding, as fail_days and fail_kubelet_days.", type: dict, required: true}
  patience: {description: Seconds that the checks together may wait., type: float, required: true}
  systems:
    description: The systems to use.
    type: list
    elements: dict
    default: []
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

RETURN = r"""
findings:
  description: >-
    One entry each with check, target, result (ok or failed), seconds and detail; of systems in use with system, check, ok and found,
    system after system.
  type: list
  elements: dict
  returned: success
"""
