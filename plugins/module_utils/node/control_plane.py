"""Bring changed settings of a control plane into force, or put everything back."""

from __future__ import annotations

import base64
import grp
import http.client
import json
import os
import pwd
import re
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from ansible.module_utils.node import member_facts as facts
from ansible.module_utils.node.file_bundle import current, write

CONFIG = facts.KUBERNETES / "kubeadm.yaml"
MANIFESTS = facts.KUBERNETES / "manifests"
UNFINISHED = Path("/var/lib/voicehelper/kubeadm-unfinished.json")
KUBEADM, CRICTL = "/usr/local/bin/kubeadm", "/usr/local/bin/crictl"
PAUSE = 2  # seconds between two looks
# In the order in which they need each other, each with where it says that it is ready; the API server's is the node's own address.
PARTS = {
    "etcd": "http://127.0.0.1:2381/readyz",
    "kube-apiserver": "https://{address}:{port}/readyz",
    "kube-controller-manager": "https://127.0.0.1:10257/healthz",
    "kube-scheduler": "https://127.0.0.1:10259/healthz",
}
# What a part reads at its start only; it is started anew when one of these is newer than its container.
READS = {
    "etcd": ("pki/etcd/ca.crt",),
    "kube-apiserver": (
        "pki/ca.crt",
        "pki/front-proxy-ca.crt",
        "pki/etcd/ca.crt",
        "pki/apiserver-*.crt",
        "pki/front-proxy-client.crt",
        "pki/sa.*",
    ),
    "kube-controller-manager": ("controller-manager.conf", "pki/ca.*", "pki/front-proxy-ca.crt", "pki/sa.key"),
    "kube-scheduler": ("scheduler.conf",),
}
# What kubeadm signs by each CA, as it names them.
SIGNED = {
    "ca": ("apiserver", "apiserver-kubelet-client", "admin.conf", "controller-manager.conf", "scheduler.conf"),
    "etcd/ca": ("apiserver-etcd-client", "etcd-healthcheck-client", "etcd-peer", "etcd-server"),
    "front-proxy-ca": ("front-proxy-client",),
}
CONFIGS = [name for name in SIGNED["ca"] if name.endswith(".conf")]
_TRUST = re.compile(r"(?<=certificate-authority-data: )\S+")
_NAMES = re.compile(r"certSANs: .*")
# The initial members of etcd are read only where its data is gone, and must not begin a second cluster there.
_INITIAL_CLUSTER = re.compile(rb"^ *- --initial-cluster(?:-state)?=.*\n", re.MULTILINE)


class Failed(Exception):
    """A step did not succeed; the text says which and why."""


def put(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file of this user atomically; it is on the disk when this returns."""
    owner, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    write(path, {"content": content, "mode": mode, "owner": owner, "group": group})


def content(path: Path) -> bytes:
    """What a file holds; an absent one holds nothing."""
    return path.read_bytes() if path.exists() else b""


class ControlPlane:
    """The static pods of this node and the files that they are made from.

    Args:
        run: runs a command and gives its output; raises Failed.
        address: the node's address in the cluster.
        port: port of the API.
        patience: seconds that a part has to come up.
    """

    def __init__(self, run: Callable[..., str], address: str, port: int, patience: int) -> None:
        self.run, self.address, self.port, self.patience = run, address, port, patience

    def apply(self, settings: list[dict], config: str) -> None:
        """Write the settings, make the static pods anew and await them one after the other.

        Raises:
            Failed: something did not come up. Settings and manifests are those from before then, and so is what runs.
        """
        before = self._before(settings)
        try:
            write_settings(settings)
            with configured(config) as path:
                self._sign(path, before)
                self._certificate(path, before.get(str(CONFIG)))
                manifests = self._generated(path)
            for part in PARTS:
                self._replace(part, manifests[part])
        except (Failed, OSError) as reason:
            raise Failed(f"{reason}\n{self._put_back(before)}") from None
        UNFINISHED.unlink()

    def _before(self, settings: list[dict]) -> dict[str, str | None]:
        """Text of every file that may change, by path. A change that was cut off has left that from before it."""
        if not UNFINISHED.exists():
            paths = [item["path"] for item in settings] + [str(MANIFESTS / f"{part}.yaml") for part in PARTS]
            pki = [*facts.KUBERNETES.glob("pki/*.*"), *facts.KUBERNETES.glob("pki/etcd/*.*")]
            paths += [str(path) for path in [*pki, *(facts.KUBERNETES / name for name in CONFIGS)]]
            found = {path: Path(path).read_text() if Path(path).exists() else None for path in paths}
            put(UNFINISHED, json.dumps(found).encode())
        return json.loads(UNFINISHED.read_text())

    def _put_back(self, before: dict[str, str | None]) -> str:
        """Restore the files and await what they make; tells how that went."""
        for path, text in before.items():
            if Path(path).parent == MANIFESTS:
                continue
            if text is None:
                Path(path).unlink(missing_ok=True)
            else:
                put(Path(path), text.encode(), current(Path(path))["mode"] if Path(path).exists() else 0o600)
        try:
            for part in PARTS:
                if (text := before[str(MANIFESTS / f"{part}.yaml")]) is not None:
                    self._replace(part, text.encode())
        except Failed as reason:
            return f"The settings from before were put back; with them {reason}"
        UNFINISHED.unlink()
        return "The settings from before were put back and are in force."

    def _sign(self, config: Path, before: dict[str, str | None]) -> None:
        """Have all that a CA signed here signed by its successor; what the CAs are stands in kubeconfigs too."""
        for ca, names in SIGNED.items():
            key = facts.KUBERNETES / f"pki/{ca}.key"
            if str(key) in before and before[str(key)] != content(key).decode():
                for name in names:
                    self.run(KUBEADM, "certs", "renew", name, f"--config={config}")
        for path in (facts.KUBERNETES / name for name in CONFIGS):
            have = content(path).decode()
            wanted = _TRUST.sub(base64.b64encode(content(facts.KUBERNETES / "pki/ca.crt")).decode(), have)
            if wanted != have:
                put(path, wanted.encode())

    def _certificate(self, config: Path, before: str | None) -> None:
        """Sign the API server's certificate anew where its names changed; kubeadm keeps one that is there. The server reads it itself."""
        if _NAMES.findall(before or "") != _NAMES.findall(CONFIG.read_text()):
            for kind in ("crt", "key"):
                (facts.KUBERNETES / f"pki/apiserver.{kind}").unlink(missing_ok=True)
            self.run(KUBEADM, "init", "phase", "certs", "apiserver", f"--config={config}")

    def _generated(self, config: Path) -> dict[str, bytes]:
        """The manifests that kubeadm makes of the settings, by part; none is in force yet."""
        with tempfile.TemporaryDirectory(dir=UNFINISHED.parent) as folder:
            aside = {"KUBEADM_INIT_DRYRUN_DIR": folder}
            for phase in (("etcd", "local"), ("control-plane", "all")):
                self.run(KUBEADM, "init", "phase", *phase, f"--config={config}", "--dry-run", environment=aside)
            manifests = {part: Path(folder, f"{part}.yaml").read_bytes() for part in PARTS}
        if initial := b"".join(_INITIAL_CLUSTER.findall(content(MANIFESTS / "etcd.yaml"))):
            manifests["etcd"] = _INITIAL_CLUSTER.sub(lambda _: initial, manifests["etcd"], count=1)
        for part, wanted in (
            ("etcd", f"--listen-peer-urls=https://{self.address}:2380"),
            ("kube-apiserver", f"--advertise-address={self.address}"),
        ):
            if f"- {wanted}\n" not in manifests[part].decode():
                flag = re.search(rf"{wanted.partition('=')[0]}=\S*", manifests[part].decode())
                raise Failed(f"{part}: found {flag.group() if flag else 'no address'} in the manifest that kubeadm made; wanted {wanted}")
        return manifests

    def _replace(self, part: str, manifest: bytes) -> None:
        """Put a manifest in force where it is another one, start a part anew that has not read its files, and await it in any case."""
        path = MANIFESTS / f"{part}.yaml"
        read = [file.stat().st_mtime for pattern in READS[part] for file in facts.KUBERNETES.glob(pattern)]
        gone = {name for name, since in self._containers(part).items() if since < max(read, default=0)}
        if content(path) != manifest:
            gone = set(self._containers(part))
            put(path, manifest)
        elif gone:
            self.run(CRICTL, "stop", "--timeout=30", *gone)  # the kubelet starts it again
        end = time.monotonic() + self.patience
        while True:
            running = set(self._containers(part))
            found = self._unready(part) if running and not running & gone else "no new container"
            if not found:
                return
            if time.monotonic() > end:
                raise Failed(f"{part} is not ready after {self.patience} s: found {found}. Its last words:\n{self._last_words(part)}")
            time.sleep(PAUSE)

    def _unready(self, part: str) -> str:
        """Why a part is not ready; empty when it is."""
        try:
            status, text = facts.ask(PARTS[part].format(address=self.address, port=self.port))
        except (OSError, http.client.HTTPException) as error:
            return str(error)
        return "" if status == 200 else f"{status} {text[:500]}"

    def _containers(self, part: str, *options: str) -> dict[str, float]:
        """When each of a part's containers was made, by id, the newest first."""
        listing = self.run(CRICTL, "ps", "--output=json", f"--label=io.kubernetes.container.name={part}", *options)
        return {item["id"]: int(item["createdAt"]) / 1e9 for item in json.loads(listing)["containers"]}

    def _last_words(self, part: str) -> str:
        newest = list(self._containers(part, "--all"))[:1]
        return self.run(CRICTL, "logs", "--tail=15", *newest).strip() if newest else "(no container)"


def write_settings(settings: list[dict]) -> None:
    """Write the files of a control plane's settings that differ."""
    for item in settings:
        path, wanted = Path(item["path"]), (item["content"].encode(), int(item["mode"], 8))
        have = current(path)
        if not have or (have["content"], have["mode"]) != wanted:
            put(path, *wanted)


@contextmanager
def configured(node: str):
    """kubeadm's configuration of the cluster with that of this node; it may hold a token and goes afterwards."""
    path = facts.KUBERNETES / "kubeadm-init.yaml"
    put(path, f"{CONFIG.read_text()}{node}".encode())
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
