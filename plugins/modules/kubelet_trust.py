#!/usr/bin/python
"""The CAs that a node's kubelet trusts, and its certificates."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubelet_trust
short_description: The CAs that a node's kubelet trusts, and its certificates
description:
  - Has the kubelet trust these CAs. Where another one signs now, which is the first of them, it also gets new certificates, as a node
    that joins does.
  - A change that was cut off is finished by the next call. A node that is no member is left alone.
options:
  ca: {description: "Certificates of the CAs, the one that signs first, in PEM.", type: str, required: true}
  token: {description: A bootstrap token that the cluster takes., type: str, required: true}
  timeout: {description: Seconds in which the kubelet must have its certificates and be healthy., type: int, default: 300}
author: VoiceHelper
"""

RETURN = r"""
renewed: {description: Whether it got new certificates., type: bool, returned: always}
"""

import base64
import http.client
import re
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.node import member_facts as facts
from ansible.module_utils.node import units
from ansible.module_utils.node.control_plane import content, put

KUBECONFIG, BOOTSTRAP, CA = (facts.KUBERNETES / name for name in ("kubelet.conf", "bootstrap-kubelet.conf", "pki/ca.crt"))
CERTIFICATES = [Path(f"/var/lib/kubelet/pki/kubelet-{kind}-current.pem") for kind in ("client", "server")]
SERVICE, HEALTH = "kubelet.service", "http://127.0.0.1:10248/healthz"
PAUSE = 2
_DATA = re.compile(r"(?<=certificate-authority-data: )\S+")
_SERVER = re.compile(r"(?<=server: )\S+")
JOINING = """apiVersion: v1
kind: Config
clusters: [{{name: site, cluster: {{server: "{server}", certificate-authority-data: {data}}}}}]
users: [{{name: bootstrap, user: {{token: "{token}"}}}}]
contexts: [{{name: site, context: {{cluster: site, user: bootstrap}}}}]
current-context: site
"""


def signer(bundle: str) -> str:
    """The certificate that signs: the first."""
    return bundle.partition("-----END")[0].strip()


def serving() -> bool:
    """Whether the kubelet has its certificates and is healthy."""
    try:
        return all(path.exists() for path in CERTIFICATES) and facts.ask(HEALTH)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def change(module: AnsibleModule, kubeconfig: str, data: str, renew: bool) -> None:
    """Write what the kubelet trusts, take its certificates away where they are due, start it anew and await it."""
    units.mark([SERVICE])
    if renew:
        text = JOINING.format(server=_SERVER.search(kubeconfig).group(), data=data, token=module.params["token"])
        put(BOOTSTRAP, text.encode())
        for path in CERTIFICATES:
            path.unlink(missing_ok=True)
    put(KUBECONFIG, _DATA.sub(data, kubeconfig).encode())
    if content(CA).decode() != module.params["ca"]:
        put(CA, module.params["ca"].encode(), 0o644)
    units.take(module.run_command, [("restart", SERVICE)])
    end = time.monotonic() + module.params["timeout"]
    while not serving():
        if time.monotonic() > end:
            missing = ", ".join(str(path) for path in CERTIFICATES if not path.exists()) or "an unhealthy kubelet"
            module.fail_json(msg=f"found {missing} missing {module.params['timeout']} s after the kubelet was restarted. Run it again.")
        time.sleep(PAUSE)
    BOOTSTRAP.unlink(missing_ok=True)


def main():
    module = AnsibleModule(
        argument_spec={
            "ca": {"type": "str", "required": True},
            "token": {"type": "str", "required": True, "no_log": True},
            "timeout": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    kubeconfig, wanted = content(KUBECONFIG).decode(), module.params["ca"]
    if not kubeconfig:
        module.exit_json(changed=False, renewed=False)
    have = base64.b64decode(_DATA.search(kubeconfig).group()).decode()
    renew = signer(have) != signer(wanted) or BOOTSTRAP.exists()
    needed = renew or have != wanted or content(CA).decode() != wanted or bool(units.marked([SERVICE]))
    if needed and not module.check_mode:
        try:
            change(module, kubeconfig, base64.b64encode(wanted.encode()).decode(), renew)
        except units.UnitError as error:
            module.fail_json(msg=str(error))
    module.exit_json(changed=needed, renewed=renew)


if __name__ == "__main__":
    main()
