"""Documentation of the action plugin k8s_bundle."""

DOCUMENTATION = r"""
module: k8s_bundle
short_description: Apply one component's Kubernetes objects together and wait until they work
description:
  - Renders a template of several YAML documents on the controller, sends every object to the API server by server-side apply and waits
    until the workloads among them are rolled out. It reports a change only for objects that really changed.
  - What others need goes first, such as namespaces and definitions of kinds; what is left is applied together.
  - In check mode the server tries the change without keeping it. Objects whose namespace or kind would come with the same run count as
    changed.
  - A StatefulSet keeps its members; one that would get fewer is refused before anything is stopped or applied, unless O(confirmed) allows
    it. A live claim goes on asking for what it asks for, since that cannot change.
  - A live StatefulSet whose annotation C(<domain>/together) changes is stopped first, so that all its members start anew at once.
  - A failure names every object that was refused or is not ready, with its conditions, pods, last log lines and events.
options:
  name:
    description: Name of the component, which is the field manager of its objects.
    type: str
  bundles:
    description:
      - In place of O(name), several components by name, each with the role that it belongs to. O(template) is then a file below
        C(templates) of each role, rendered with what a task of that role would see. All are applied and awaited at once.
    type: dict
  template:
    description: A file below C(templates) of the role or the playbook, or an absolute path. It may import the shared macros.
    type: str
    required: true
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
  domain:
    description: Begins the annotations that this module reads and writes.
    type: str
    required: true
  labels:
    description: Labels that every object gets beside its own; C(<domain>/bundle) with the name of its component, if there are none.
    type: dict
    default: {}
  wait:
    description:
      - V(true) waits for all of the bundle that can be awaited, such as workloads, Jobs and definitions of kinds; V(false) for none.
      - >-
        A list of C({api_version, kind, name, namespace, condition: {type, status}}) waits for these instead; without C(condition) the rule
        for the kind decides.
    type: raw
    default: true
  timeout:
    description: Seconds to wait for the whole bundle.
    type: float
    default: 300
  confirmed:
    description: What the operator allows; C(scale-down:<StatefulSet>) lets that one lose members, and what only they hold.
    type: list
    elements: str
    default: []
author: VoiceHelper
"""

EXAMPLES = r"""
- name: Apply NATS
  k8s_bundle:
    name: nats
    template: bundle.yml.j2
    domain: "{{ platform_domain }}"
- name: Apply two at once
  k8s_bundle:
    bundles: {nats: nats, gateway: api_gateway}
    template: bundle.yml.j2
    domain: "{{ platform_domain }}"
"""

RETURN = r"""
objects: {description: How many there are., type: int, returned: success}
changed_objects:
  description: What changed, as C(Kind namespace/name created) or C(changed).
  type: list
  elements: str
  returned: success
kept:
  description: A line for each claim that goes on asking for another size than it is declared with.
  type: list
  elements: str
  returned: success
diff:
  description: Each changed object before and after, Secrets without their values.
  type: list
  elements: dict
  returned: with C(--diff)
"""
