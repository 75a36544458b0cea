#!/usr/bin/python
"""The service account tokens that pods of a node have."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_tokens
short_description: Have the pods of a node use tokens that a key signed
description:
  - Looks at the service account tokens that the kubelet has put into pods. Where another key signed one, the kubelet is restarted, which
    makes all of them anew, and awaited.
  - Clients read their token again within a minute, which is waited for.
options:
  public: {description: "Public half of the key, in PEM.", type: str, required: true}
  timeout: {description: Seconds in which the kubelet must have made them., type: int, default: 300}
author: VoiceHelper
"""

RETURN = r"""
outdated: {description: Files with a token that another key signed before., type: list, elements: str, returned: always}
"""

import base64
import contextlib
import hashlib
import json
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

PODS = Path("/var/lib/kubelet/pods")
READ_WITHIN = 90  # seconds; clients of Kubernetes read the file every minute
PAUSE = 3


def key_id(public: str) -> str:
    """How Kubernetes names a key in the tokens that it signs: SHA-256 of its DER form."""
    der = base64.b64decode("".join(line for line in public.splitlines() if not line.startswith("-----")))
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")


def tokens() -> dict[Path, str]:
    """The key's id of every token that a pod of this node has."""
    found = {}
    for link in PODS.glob("*/volumes/kubernetes.io~projected/*/..data"):
        with contextlib.suppress(FileNotFoundError):  # the volume has no token, or its pod went meanwhile
            path = link.parent / link.readlink() / "token"  # protected_symlinks keeps root from following what a pod's user owns
            head = path.read_text().partition(".")[0]
            found[path] = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))).get("kid", "")
    return found


def outdated(wanted: str) -> list[str]:
    """Files with a token that another key signed."""
    return [str(path) for path, signer in tokens().items() if signer != wanted]


def main():
    module = AnsibleModule(
        argument_spec={"public": {"type": "str", "required": True}, "timeout": {"type": "int", "default": 300}},
        supports_check_mode=True,
    )
    wanted, seconds = key_id(module.params["public"]), module.params["timeout"]
    before = outdated(wanted)
    if before and not module.check_mode:
        module.run_command(["systemctl", "restart", "kubelet.service"], check_rc=True)
        end = time.monotonic() + seconds
        while left := outdated(wanted):
            if time.monotonic() > end:
                module.fail_json(msg=f"found tokens of another key {seconds} s after the kubelet was restarted: {', '.join(left)}")
            time.sleep(PAUSE)
        time.sleep(READ_WITHIN)
    module.exit_json(changed=bool(before), outdated=before)


if __name__ == "__main__":
    main()
