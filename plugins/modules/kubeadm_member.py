#!/usr/bin/python
"""A node's membership of the cluster, by kubeadm."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_member
short_description: A node's membership of the cluster, by kubeadm
description:
  - Tells whether the node is a member, makes it one, or brings a control plane's changed settings into force.
  - A finished init or join leaves a stamp. Traces of kubeadm without it are a join that was cut off, which is undone before the next one.
options:
  state:
    description:
      - C(probed) only tells.
      - C(clean) undoes what a cut-off init or join left.
      - C(initialised) starts a cluster; C(joined) joins one.
      - C(configured) regenerates the static pods of a member from its settings.
    choices: [probed, clean, initialised, joined, configured]
    default: probed
  config: {description: kubeadm configuration for C(initialised) and C(joined)., type: str, default: ""}
  discovery: {description: Kubeconfig by which a joining node finds the API., type: str, default: ""}
  settings: {description: Files whose contents make up the settings of a control plane., type: list, elements: path, default: []}
  etcd_members:
    description: Peer addresses of the control planes that are members, for C(joined) of one more.
    type: list
    elements: str
    default: []
  name: {description: Node name., type: str, required: true}
  address: {description: Address of the node in the cluster., type: str, required: true}
  timeout: {description: Seconds a kubeadm command may take., type: int, default: 300}
author: VoiceHelper
"""

RETURN = r"""
stage: {description: "absent, partial or member", type: str, returned: always}
drifted: {description: Whether the settings on disk are not those in force., type: bool, returned: always}
kubelet_version: {description: Version of the kubelet that is running., type: str, returned: always}
"""

import contextlib
import hashlib
import json
import os
import re
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

KUBERNETES = Path("/etc/kubernetes")
STAMP = Path("/var/lib/voicehelper/kubeadm-member.json")
CONFIG = KUBERNETES / "kubeadm.yaml"
TRACES = ("kubelet.conf", "bootstrap-kubelet.conf", "admin.conf", "manifests/kube-apiserver.yaml", "manifests/etcd.yaml")
ETCD_DATA = Path("/var/lib/etcd/member")
KERNEL_CHECK = re.compile(r"(CONFIG|CGROUPS|OS|KERNEL)\w*: ")  # what kubeadm prints of the kernel drowns the reason
KUBEADM, ETCDCTL = "/usr/local/bin/kubeadm", "/usr/local/bin/etcdctl"


def settings_sum(paths: list[str]) -> str:
    """SHA-256 over the settings files, in hex; an absent file counts as empty."""
    digest = hashlib.sha256()
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            digest.update(Path(path).read_bytes())
        digest.update(b"\0")
    return digest.hexdigest()


def stage() -> str:
    """What the node is: absent, partial (cut off on the way) or member."""
    if STAMP.exists():
        return "member"
    if ETCD_DATA.exists() or any((KUBERNETES / trace).exists() for trace in TRACES):
        return "partial"
    return "absent"


def write_private(path: Path, text: str) -> None:
    """Write a file that only root may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)


class Member:
    """The kubeadm commands of one node."""

    def __init__(self, module: AnsibleModule):
        self.module = module
        self.params = module.params

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command; with `check` a failure ends the task with the command's last lines."""
        limited = ["timeout", str(self.params["timeout"]), *command]
        rc, out, err = self.module.run_command(limited)
        if rc and check:
            text = re.sub(r"\x1b\[[0-9;]*m", "", f"{out}\n{err}")
            tail = "\n".join([line for line in text.splitlines() if line.strip() and not KERNEL_CHECK.match(line)][-20:])
            reason = f"did not end within {self.params['timeout']} s" if rc == 124 else f"failed ({rc})"
            self.module.fail_json(msg=f"`{' '.join(command[:3])}` {reason}:\n{tail}", rc=rc)
        return out

    def probe(self) -> dict:
        found = stage()
        stamp = json.loads(STAMP.read_text()) if found == "member" else {}
        return {
            "stage": found,
            "drifted": found == "member"
            and bool(self.params["settings"])
            and stamp.get("settings") != settings_sum(self.params["settings"]),
            "kubelet_version": self.run("/usr/local/bin/kubelet", "--version", check=False).split(" ")[-1].strip()
            if Path("/usr/local/bin/kubelet").exists()
            else "",
        }

    def stamp(self) -> None:
        write_private(STAMP, json.dumps({"settings": settings_sum(self.params["settings"]), "since": time.time()}) + "\n")

    def clean(self) -> None:
        self.run(KUBEADM, "reset", "--force", "--cri-socket=unix:///run/containerd/containerd.sock")
        (KUBERNETES / "discovery.conf").unlink(missing_ok=True)

    def with_config(self, verb: str) -> None:
        """Run `kubeadm init` or `join` with the given configuration, which holds the token and is removed afterwards."""
        config = KUBERNETES / f"kubeadm-{verb}.yaml"
        discovery = KUBERNETES / "discovery.conf"
        write_private(config, (CONFIG.read_text() if verb == "init" else "") + self.params["config"])
        write_private(discovery, self.params["discovery"])
        try:
            self.run(KUBEADM, verb, f"--config={config}")
        finally:
            config.unlink(missing_ok=True)
            discovery.unlink(missing_ok=True)
        self.stamp()

    def drop_stale_etcd_member(self) -> None:
        """Remove the entry that a cut-off join of this very node left among the etcd members."""
        if not self.params["etcd_members"]:
            return
        self.run(KUBEADM, "init", "phase", "certs", "etcd-healthcheck-client", f"--config={CONFIG}")
        pki = KUBERNETES / "pki/etcd"
        etcdctl = [
            ETCDCTL,
            "--endpoints=" + ",".join(f"https://{address}:2379" for address in self.params["etcd_members"]),
            f"--cacert={pki}/ca.crt",
            f"--cert={pki}/healthcheck-client.crt",
            f"--key={pki}/healthcheck-client.key",
        ]
        listing = json.loads(self.run(*etcdctl, "member", "list", "--write-out=json"))
        for member in listing["members"]:
            urls = " ".join(member.get("peerURLs", []))
            if member.get("name") == self.params["name"] or f"//{self.params['address']}:" in urls:
                self.run(*etcdctl, "member", "remove", f"{member['ID']:x}")

    def configure(self) -> None:
        """Regenerate the static pods from the settings and await the API server's health on this node."""
        self.run(KUBEADM, "init", "phase", "control-plane", "all", f"--config={CONFIG}", "--patches=/etc/kubernetes/patches")
        self.run(KUBEADM, "init", "phase", "etcd", "local", f"--config={CONFIG}", "--patches=/etc/kubernetes/patches")
        self.run(KUBEADM, "init", "phase", "upload-config", "kubeadm", f"--config={CONFIG}")
        self.stamp()


def main():
    module = AnsibleModule(
        argument_spec={
            "state": {"choices": ["probed", "clean", "initialised", "joined", "configured"], "default": "probed"},
            "config": {"type": "str", "default": "", "no_log": True},
            "discovery": {"type": "str", "default": "", "no_log": True},
            "settings": {"type": "list", "elements": "path", "default": []},
            "etcd_members": {"type": "list", "elements": "str", "default": []},
            "name": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "timeout": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    member, state = Member(module), module.params["state"]
    before = member.probe()
    needed = {
        "probed": False,
        "clean": before["stage"] == "partial",
        "initialised": before["stage"] != "member",
        "joined": before["stage"] != "member",
        "configured": before["drifted"],
    }[state]
    if not needed or module.check_mode:
        module.exit_json(changed=needed, **before)
    if state == "clean":
        member.clean()
    elif state == "initialised":
        member.with_config("init")
    elif state == "joined":
        member.drop_stale_etcd_member()
        member.with_config("join")
    elif state == "configured":
        member.configure()
    module.exit_json(changed=True, **member.probe())


if __name__ == "__main__":
    main()
