#!/usr/bin/python
"""A node's membership of the cluster, by kubeadm."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_member
short_description: A node's membership of the cluster, by kubeadm
description:
  - Tells whether the node is a member, makes it one, or brings a control plane's changed settings into force.
  - A finished init or join leaves a stamp. Traces of kubeadm without it are a join that was cut off, which is undone before the next one,
    unless the node serves as a member. That one is never reset.
options:
  state:
    description:
      - C(probed) only tells.
      - C(clean) undoes what a cut-off init or join left.
      - C(left) has the node count as member no more. What is on the machine is for C(machine_reset), and etcd's members for C(etcd_member),
        as C(kubeadm reset) would wait for each pod's network to be taken down by an agent that may be gone, and warns only where it could
        not take the member out of etcd.
      - C(initialised) starts a cluster; C(joined) joins one.
      - C(configured) makes the static pods of a member anew from its settings and awaits each. Where one does not come up, the settings
        from before are put back and the task fails with what the part said.
    choices: [probed, clean, left, initialised, joined, configured]
    default: probed
  init: {description: kubeadm's InitConfiguration of this node., type: str, default: ""}
  join: {description: kubeadm's JoinConfiguration of this node., type: str, default: ""}
  discovery: {description: Kubeconfig by which a joining node finds the API., type: str, default: ""}
  settings:
    description: The files that make up the settings of a control plane, written by C(initialised), C(joined) and C(configured).
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path., type: path, required: true}
      content: {description: The text., type: str, required: true}
      mode: {description: Octal mode., type: str, default: "0644"}
  etcd_members:
    description: Peer addresses of the control planes that are members, for C(joined) of one more.
    type: list
    elements: str
    default: []
  others:
    description:
      - Addresses of the control planes by name that must be up before C(configured) restarts a part of this one, as both together may be
        more than etcd can miss. Each is asked for its API server and its etcd.
    type: dict
    default: {}
  secrets: {description: Files of secrets whose fingerprints are told, by the secret's name., type: dict, default: {}}
  immutable:
    description: By the variable of the inventory, what a cluster keeps for life, as wanted.
    type: dict
    default: {}
  name: {description: Node name., type: str, required: true}
  address: {description: Address of the node in the cluster., type: str, required: true}
  port: {description: Port of the API., type: int, default: 6443}
  timeout: {description: Seconds a kubeadm command may take., type: int, default: 300}
  patience: {description: Seconds a part of the control plane has to come up with changed settings., type: int, default: 180}
author: VoiceHelper
"""

RETURN = r"""
stage: {description: "absent, partial or member", type: str, returned: always}
drifted: {description: Whether the settings wanted are not those in force., type: bool, returned: always}
fingerprints: {description: "SHA-256 of each secret that lies on the node, by name.", type: dict, returned: always}
immutable_differs: {description: "What of C(immutable) is not as wanted, by variable.", type: dict, returned: always}
kubelet_version: {description: Version of the kubelet that is installed., type: str, returned: always}
"""

import contextlib
import hashlib
import http.client
import json
import re
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.node import control_plane
from ansible.module_utils.node import member_facts as facts
from ansible.module_utils.node.control_plane import KUBEADM, ControlPlane, Failed, put, write_settings

KERNEL_CHECK = re.compile(r"(CONFIG|CGROUPS|OS|KERNEL)\w*: ")  # what kubeadm prints of the kernel drowns the reason
# The API and etcd are reached directly, whatever proxies the login has; and kubeadm would write those into the static pods.
DIRECT = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "")
SUPER_ADMIN = "super-admin.conf"  # what init leaves beside admin.conf: a key past all RBAC, which nothing here uses
OTHERS_SECONDS = 30  # one that has just come up itself needs some
KUBELET, ETCDCTL = "/usr/local/bin/kubelet", "/usr/local/bin/etcdctl"


def settings_sum(texts: list[str]) -> str:
    """SHA-256 over the texts of the settings, in hex."""
    return hashlib.sha256(b"".join(text.encode() + b"\0" for text in texts)).hexdigest()


def on_disk(path: str) -> str:
    """Text of a file; an absent one counts as empty."""
    with contextlib.suppress(FileNotFoundError):
        return Path(path).read_text()
    return ""


class Member:
    """The kubeadm commands of one node."""

    def __init__(self, module: AnsibleModule):
        self.module = module
        self.params = module.params

    def run(self, *command: str, environment: dict[str, str] | None = None) -> str:
        """Output of a command. Raises Failed with its last lines."""
        limited = ["timeout", str(self.params["timeout"]), *command]
        rc, out, err = self.module.run_command(limited, environ_update={**DIRECT, **(environment or {})})
        if rc:
            text = re.sub(r"\x1b\[[0-9;]*m", "", f"{out}\n{err}")
            tail = "\n".join([line for line in text.splitlines() if line.strip() and not KERNEL_CHECK.match(line)][-20:])
            reason = f"did not end within {self.params['timeout']} s" if rc == 124 else f"failed ({rc})"
            raise Failed(f"`{' '.join(command[:5])}` {reason}:\n{tail}")
        return out or err

    def probe(self) -> dict:
        found = facts.stage(self.params["name"], self.params["address"], self.params["port"])
        wanted = settings_sum([item["content"] for item in self.params["settings"]])
        in_force = (facts.stamp().get("settings"), settings_sum([on_disk(item["path"]) for item in self.params["settings"]]))
        return {
            "stage": found,
            "drifted": found == "member" and bool(self.params["settings"]) and in_force != (wanted, wanted),
            "fingerprints": facts.fingerprints(self.params["secrets"], found),
            "immutable_differs": facts.immutable_differs(self.params["immutable"]) if found == "member" else {},
            "kubelet_version": self.run(KUBELET, "--version").rpartition("v")[2].strip() if Path(KUBELET).exists() else "",
        }

    def stamp(self) -> None:
        settings = settings_sum([item["content"] for item in self.params["settings"]])
        put(facts.STAMP, json.dumps({"settings": settings, "since": time.time()}).encode() + b"\n")

    def close(self) -> None:
        """Leave nothing more open than it must be: no spare key, and etcd's data to root though a disk of its own is mounted there."""
        (facts.KUBERNETES / SUPER_ADMIN).unlink(missing_ok=True)
        if facts.ETCD_DATA.exists():
            facts.ETCD_DATA.parent.chmod(0o700)

    def clean(self) -> None:
        self.run(KUBEADM, "reset", "--force", "--cri-socket=unix:///run/containerd/containerd.sock")
        (facts.KUBERNETES / "discovery.conf").unlink(missing_ok=True)

    def leave(self) -> None:
        """Be no member any more. Without its stamp a node that is cut off here is one whose join was, and leaves again."""
        facts.STAMP.unlink(missing_ok=True)

    def initialise(self) -> None:
        write_settings(self.params["settings"])
        with control_plane.configured(self.params["init"]) as config:
            self.run(KUBEADM, "init", f"--config={config}")

    def join(self) -> None:
        """Join with a configuration and a kubeconfig that hold the token and are removed afterwards."""
        write_settings(self.params["settings"])
        self.drop_stale_etcd_member()
        config, discovery = facts.KUBERNETES / "kubeadm-join.yaml", facts.KUBERNETES / "discovery.conf"
        try:
            put(config, self.params["join"].encode())
            put(discovery, self.params["discovery"].encode())
            self.run(KUBEADM, "join", f"--config={config}")
        finally:
            config.unlink(missing_ok=True)
            discovery.unlink(missing_ok=True)

    @staticmethod
    def etcdctl(*addresses: str) -> list[str]:
        """The words by which the etcd members at these addresses are asked."""
        pki = facts.KUBERNETES / "pki/etcd"
        return [
            ETCDCTL,
            "--endpoints=" + ",".join(f"https://{address}:2379" for address in addresses),
            f"--cacert={pki}/ca.crt",
            f"--cert={pki}/healthcheck-client.crt",
            f"--key={pki}/healthcheck-client.key",
        ]

    def await_others(self) -> None:
        """Wait until the other control planes serve, as a part of this one is away while it starts. Raises Failed, naming who does not."""
        end = time.monotonic() + min(OTHERS_SECONDS, self.params["patience"])
        while down := {name: fault for name, address in self.params["others"].items() if (fault := self.fault_of(address))}:
            if time.monotonic() > end:
                found = "; ".join(f"{name}: {fault}" for name, fault in down.items())
                raise Failed(
                    f"{self.params['name']}: nothing was changed or restarted here, because another control plane is not ready: "
                    f"found {found}; wanted each ready first, so that etcd keeps its majority. Mend it (journalctl -u kubelet, "
                    f"crictl ps -a), or say -e confirm={','.join(f'without:{name}' for name in down)} to go on without it."
                )
            time.sleep(control_plane.PAUSE)

    def fault_of(self, address: str) -> str:
        """What another control plane lacks: its own API server's word or its etcd's; empty when it serves."""
        try:
            status, text = facts.ask(f"https://{address}:{self.params['port']}/readyz")
            if status != 200:
                return f"its API server says {status} {text[:200]}"
            etcdctl = self.etcdctl(address)
            self.run(*etcdctl, "endpoint", "health")
        except (OSError, http.client.HTTPException) as error:
            return f"its API server: {error}"
        except Failed as reason:
            return f"its etcd: {reason}"
        return ""

    def drop_stale_etcd_member(self) -> None:
        """Remove the entry that a cut-off join of this very node left among the etcd members."""
        if not self.params["etcd_members"]:
            return
        with control_plane.configured(self.params["init"]) as config:
            self.run(KUBEADM, "init", "phase", "certs", "etcd-healthcheck-client", f"--config={config}")
        etcdctl = self.etcdctl(*self.params["etcd_members"])
        listing = json.loads(self.run(*etcdctl, "member", "list", "--write-out=json"))
        for member in listing["members"]:
            urls = " ".join(member.get("peerURLs", []))
            if member.get("name") == self.params["name"] or f"//{self.params['address']}:" in urls:
                self.run(*etcdctl, "member", "remove", f"{member['ID']:x}")

    def configure(self) -> None:
        """Bring the settings into force here and tell the cluster of them; a node that has no stamp was cut off before its last phases."""
        self.await_others()
        here = ControlPlane(self.run, self.params["address"], self.params["port"], self.params["patience"])
        here.apply(self.params["settings"], self.params["init"])
        phases = [("upload-config", "kubeadm")] + ([] if facts.stamp() else [("mark-control-plane",)])
        with control_plane.configured(self.params["init"]) as config:
            for phase in phases:
                self.run(KUBEADM, "init", "phase", *phase, f"--config={config}")

    def bring_to(self, state: str) -> None:
        """Do what the state asks for; what makes or keeps a member leaves the stamp. Raises Failed."""
        if state in ("clean", "left"):
            (self.clean if state == "clean" else self.leave)()
            return
        {"initialised": self.initialise, "joined": self.join, "configured": self.configure}[state]()
        self.close()
        self.stamp()


def main():
    module = AnsibleModule(
        argument_spec={
            "state": {"choices": ["probed", "clean", "left", "initialised", "joined", "configured"], "default": "probed"},
            "init": {"type": "str", "default": "", "no_log": True},
            "join": {"type": "str", "default": "", "no_log": True},
            "discovery": {"type": "str", "default": "", "no_log": True},
            "settings": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "path", "required": True},
                    "content": {"type": "str", "required": True, "no_log": True},
                    "mode": {"type": "str", "default": "0644"},
                },
            },
            "etcd_members": {"type": "list", "elements": "str", "default": []},
            "others": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": False},
            "immutable": {"type": "dict", "default": {}},
            "name": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "port": {"type": "int", "default": 6443},
            "timeout": {"type": "int", "default": 300},
            "patience": {"type": "int", "default": 180},
        },
        supports_check_mode=True,
    )
    member, state = Member(module), module.params["state"]
    try:
        before = member.probe()
        needed = {
            "probed": False,
            "clean": before["stage"] == "partial",
            "left": before["stage"] != "absent",
            "initialised": before["stage"] != "member",
            "joined": before["stage"] != "member",
            "configured": before["drifted"],
        }[state]
        if needed and not module.check_mode:
            member.bring_to(state)
        module.exit_json(changed=needed, **(member.probe() if needed and not module.check_mode else before))
    except Failed as reason:
        module.fail_json(msg=str(reason))


if __name__ == "__main__":
    main()
