"""Documentation of the action plugin site_secrets."""

DOCUMENTATION = r"""
module: site_secrets
short_description: Make, renew and rotate the secrets of a site
description:
  - Makes the secrets that are missing from an encrypted file, and makes certificates anew, with new keys, when little of
    their life is left, their names or use changed, or their CA changed. A value that exists is never replaced unless it
    is rotated.
  - The file is encrypted with the vault password of the play, replaced as a whole, mode 0600. Runs at the same time
    wait for each other.
  - The result names secrets and never holds one. In check mode nothing is made.
options:
  path:
    description: The encrypted file on the controller. Its folder is made with mode 0700.
    type: path
    required: true
  secrets:
    description:
      - The secrets that the site wants, by name. C(kind) is one of C(password) (C(length) letters and digits),
        C(hex) (C(length) digits), C(secretbox) (32 random bytes in base64), C(keypair) (private and public key),
        C(ca) (self-signed, C(common_name), C(days)) and C(certificate) (signed by the entry C(ca), with C(common_name),
        C(organization), C(sans), C(use), C(days)). C(use) is C(server), C(client) or C(member), which is both; unless it is
        stated, a certificate with C(sans) is a member's and one without a client's.
      - C(objects) are the Secrets of the cluster that it goes into, C(namespace/Secret/key), of a certificate C(namespace/Secret); the role
        C(platform_secrets) makes them, before any of the consumers.
      - C(consumers) are the roles that bring a new value to where it is used, from the controller; C(node_consumers) run
        on all nodes and C(control_plane_consumers) on one control plane after the other, both before the others.
        C(role/file) is a file of a role's tasks. An entry without any of the three is not rotated. C(cuts_off) says who is
        refused until they have the new value.
    type: dict
    required: true
  lives:
    description: Of certificates.
    type: dict
    required: true
    suboptions:
      ca_days: {description: Of CAs whose entry states no C(days)., type: float, required: true}
      days: {description: Of what they sign, where its entry states none., type: float, required: true}
      renew_share: {description: "Share of a life, below which a certificate is made anew.", type: float, required: true}
      fail_days: {description: Days below which verify fails., type: float, required: true}
      fail_kubelet_days: {description: The same of what kubelets renew themselves., type: float, required: true}
      warn_ca_days: {description: Days below which a CA is warned of., type: float, required: true}
  step:
    description:
      - V(make) makes what is missing or due. The others take a rotation on by one step.
      - V(compare) refuses a file that is older than the one that the cluster was last run with, and has the cluster remember this one. That
        keeps of each entry when it changed and a keyed hash, in the ConfigMap C(voicehelper-vault) of C(kube-system). The other steps tell
        it what they changed. A cluster that does not answer is asked by the next run.
      - V(plan) changes nothing; it refuses what cannot be rotated, and tells O(rotate), whom it cuts off, and what there is.
      - V(introduce) makes a new value and keeps the previous one.
      - V(adopt) lets a new CA or key sign or encrypt, once everybody knows it.
      - V(retire) forgets the previous value, once every consumer has the new one.
      - V(finish) ends the rotation, once no consumer has the previous value.
    type: str
    choices: [make, compare, plan, introduce, adopt, retire, finish]
    default: make
  rotate:
    description: Names to rotate.
    type: list
    elements: str
    default: []
  resume:
    description: With V(plan), whether O(rotate) names rotations to continue (all unfinished ones, if it is empty) rather than new ones.
    type: bool
    default: false
  reached:
    description:
      - The machines that answer and took the step before. A step is refused while one that keeps a value of O(rotate), or what such a
        value signed, is not among them.
    type: list
    elements: str
    default: []
  guard:
    description:
      - What tells that the site is in use, beside what M(kubeadm_member) found on the nodes (C(kubeadm_found)). Then a secret that lies on
        a node must be the one in the file, and none that the site was founded on (C(founding) in O(secrets)) is made. So does check mode.
    type: dict
    default: {}
    suboptions:
      kubeconfig: {description: The site's kubeconfig; there is none before its first run., type: path}
      new_cluster: {description: Whether a new cluster is meant in place of an earlier one., type: bool, default: false}
      confirmed:
        description: C(new-secret:<name>) lets that one be made, or be another one than the cluster remembers.
        type: list
        elements: str
        default: []
author: VoiceHelper
"""

EXAMPLES = r"""
- name: Make the missing secrets of the site
  site_secrets:
    path: "{{ platform_state_dir }}/secrets.yml"
    secrets: "{{ site_secrets }}"
    lives: "{{ site_certificate_lives }}"
"""

RETURN = r"""
names:
  description: The secrets whose value changed.
  type: list
  returned: always
rotate:
  description: The names that the rotation is about.
  type: list
  returned: always
consumers:
  description: The roles to run for what is at this step, and for what it signed, by the group of hosts that they run on.
  type: dict
  returned: always
cut_off:
  description: A line for each name whose old value is refused as soon as there is a new one.
  type: list
  returned: always
rotating:
  description: What is being rotated, and the step that it reached.
  type: dict
  returned: always
days_left:
  description: Days until each certificate ends, by name.
  type: dict
  returned: always
"""
