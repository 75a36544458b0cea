"""Documentation of the action plugin postgresql_objects."""

DOCUMENTATION = r"""
module: postgresql_objects
short_description: Users and databases of a PostgreSQL under Patroni in pods
description:
  - Makes users and databases that are missing and keeps them as declared, through the local socket of the leader's pod. Drops nothing.
  - A password travels as its SCRAM verifier only. Whether the server has the right one is computed from the verifier that it holds.
options:
  kubeconfig: {description: The cluster. The site's own unless another one is given., type: path}
  kubectl: {description: The kubectl to use., type: path, required: true}
  namespace: {description: Namespace of the pods., type: str, required: true}
  selector: {description: Labels of the members' pods., type: dict, required: true}
  leader: {description: Labels that the leader's pod has beside those., type: dict, required: true}
  container: {description: Container with psql., type: str, required: true}
  wait:
    description: Seconds in which there must be a leader. With 0 there need not be one; then nothing is done and C(present) is false.
    type: int
    default: 0
  restart:
    description: Also restart servers that wait for it because of a changed setting, the leader first, then one replica after the other.
    type: bool
    default: false
  users:
    description: Wanted users; what is not stated is left as it is.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name of the role., type: str, required: true}
      password: {description: Its password; without one it comes by a certificate., type: str}
      member_of: {description: Roles that it is a member of., type: list, elements: str, default: []}
      executes: {description: "Functions that it may call, with the types of their arguments.", type: list, elements: str, default: []}
      sees_all_rows: {description: Row level security hides nothing from it., type: bool, default: false}
      connection_limit: {description: Its most connections, -1 for no limit., type: int}
      create: {description: Make the user when it is missing; otherwise only its password is kept., type: bool, default: true}
  databases:
    description: Wanted databases. PUBLIC may not connect to them, only their owner and whom it grants it.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name of the database., type: str, required: true}
      owner: {description: Its owner., type: str, required: true}
      connect: {description: Who else may connect., type: list, elements: str, default: []}
author: VoiceHelper
"""

EXAMPLES = r"""
- postgresql_objects:
    kubectl: credentials/bin/kubectl
    namespace: voicehelper-storage
    selector: {app.kubernetes.io/name: postgres}
    leader: {app.kubernetes.io/component: master}
    container: postgres
    users: [{name: voicehelper, password: "{{ secret }}"}]
    databases: [{name: voicehelper, owner: voicehelper}]
"""

RETURN = r"""
present: {description: Whether there is a leader., type: bool, returned: always}
actions:
  description: What was done, or would be in check mode, such as C(CREATE ROLE voicehelper).
  type: list
  elements: str
  returned: always
"""
