"""Documentation of the action plugin site_secrets."""

DOCUMENTATION = r"""
module: site_secrets
short_description: Make, renew and rotate the secrets of a site
description:
  - Makes the secrets that are missing from an encrypted file, and signs certificates anew that have fewer than 30 days
    left, whose names changed, or whose authority changed. A value that exists is never replaced unless it is rotated.
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
        C(organization), C(sans), C(days)). C(consumers) are the roles that bring a new value to where it is used;
        without them an entry is not rotated.
    type: dict
    required: true
  rotate:
    description: Names to rotate by one O(step).
    type: list
    elements: str
    default: []
  step:
    description:
      - V(introduce) makes a new value and keeps the previous one. A rotation that has begun is continued, not repeated.
      - V(adopt) lets a new authority sign, once everything trusts it.
      - V(retire) forgets the previous value, once every consumer has the new one.
    type: str
    choices: [introduce, adopt, retire]
    default: introduce
  guard:
    description:
      - What tells that the site is in use, beside what M(kubeadm_member) found on the nodes (C(kubeadm_found)). Then a secret that lies on
        a node must be the one in the file, and none that the site was founded on (C(founding) in O(secrets)) is made. So does check mode.
    type: dict
    default: {}
    suboptions:
      kubeconfig: {description: The site's kubeconfig; there is none before its first run., type: path}
      new_cluster: {description: Whether a new cluster is meant in place of an earlier one., type: bool, default: false}
      confirmed: {description: C(new-secret:<name>) lets that one be made., type: list, elements: str, default: []}
author: VoiceHelper
"""

EXAMPLES = r"""
- name: Make the missing secrets of the site
  site_secrets:
    path: "{{ platform_state_dir }}/secrets.yml"
    secrets: "{{ site_secrets }}"
"""

RETURN = r"""
consumers:
  description: The roles that use the rotated secrets and what they signed.
  type: list
  returned: always
names:
  description: The secrets whose value changed.
  type: list
  returned: always
rotating:
  description: The secrets whose previous value is still kept.
  type: list
  returned: always
"""
