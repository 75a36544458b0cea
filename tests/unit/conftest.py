"""A lab state that no other one shares; a node's control plane below a temporary directory, with programs that refuse what real ones do."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils.node import control_plane as plane
from ansible.module_utils.node import member_facts as facts
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from plugins.modules import kubeadm_member

# Started hundreds of times, so without what they do not need: a start takes a third then.
PROGRAM = f"""#!{sys.executable} -IS
import json, os, pathlib, re, sys
NAME, HERE, OVERRIDES = {{name!r}}, pathlib.Path({{here!r}}), {{overrides!r}}
arguments = sys.argv[1:]
line = " ".join([NAME, *arguments])
with (HERE / "log").open("a") as log:
    log.write(line + chr(10))
for words, body in OVERRIDES:
    if words in line:
        import subprocess
        sys.exit(subprocess.run(["sh", "-c", body]).returncode)
options = dict(item[2:].partition("=")[::2] for item in arguments if item.startswith("--"))
{{main}}
"""
# The real one guesses what no InitConfiguration states, and takes few flags beside a configuration.
KUBEADM = """
if "config" in options and (mixed := sorted(set(options) - {"config", "dry-run", "ignore-preflight-errors"})):
    sys.exit(f"error: can not mix '--config' with arguments {mixed}")
if arguments[0] == "init":
    config = pathlib.Path(options["config"]).read_text()
    address = (re.search(r"advertiseAddress: ([0-9.]+)", config) or [0, "203.0.113.5"])[1]
    extra = "".join(f"    - --{flag}" + chr(10) for flag in re.findall(r"flag: (\\S+)", config))
    folder = pathlib.Path(os.environ["KUBEADM_INIT_DRYRUN_DIR"]) if "dry-run" in options else HERE / "kubernetes/manifests"
    founding = f"    - --initial-cluster=cp-2=https://{address}:2380" + chr(10)
    server = f"    - --advertise-address={address}" + chr(10) + extra
    made = {
        "etcd": {"etcd": founding + f"    - --listen-peer-urls=https://{address}:2380" + chr(10)},
        "control-plane": {"kube-apiserver": server, "kube-controller-manager": "kind: Pod", "kube-scheduler": "kind: Pod"},
    }
    for part, text in made.get(arguments[2] if len(arguments) > 2 else "", {}).items():
        (folder / f"{part}.yaml").write_text(text)
"""
# A container's id follows its manifest, as the kubelet starts another one for another manifest.
CRICTL = """
import hashlib
part = options.get("label", "").rpartition("=")[2]
if arguments[0] == "ps":
    path = HERE / f"kubernetes/manifests/{part}.yaml"
    manifest = path.read_bytes() if path.exists() else b""
    there = path.exists() and (b"bad" not in manifest or "all" in options)
    stopped = HERE / f"{part}.stopped"  # a container that was stopped is followed by another one of the same manifest
    since = max(file.stat().st_mtime for file in (path, stopped) if file.exists()) if there else 0
    name = hashlib.sha256(manifest + str(stopped.exists() and since).encode()).hexdigest()[:12]
    print(json.dumps({"containers": [{"id": f"{part}-{name}", "createdAt": str(int(since * 1e9))}] if there else []}))
elif arguments[0] == "stop":
    (HERE / (arguments[-1].rpartition("-")[0] + ".stopped")).touch()
else:
    print("Error: unknown flag: --bad", file=sys.stderr)
"""


class Node:
    """See the fixture `control_plane`."""

    init = "---\nkind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: 10.0.0.12, bindPort: 6443}\n"

    def __init__(self, here: Path) -> None:
        self.here, self.kubernetes, self.stamp, self.etcd, self.log = (
            here,
            here / "kubernetes",
            here / "stamp.json",
            here / "etcd",
            here / "log",
        )
        self.answers: dict[str, tuple[int, str]] = {}
        self.overrides: dict[str, list[tuple[str, str]]] = {}
        self.kubernetes.mkdir()
        (self.kubernetes / "kubeadm.yaml").write_text("kind: ClusterConfiguration\n")
        for name, main in {"kubeadm": KUBEADM, "crictl": CRICTL, "etcdctl": "print('{\"members\": []}')"}.items():
            self._write(name, main)

    def _write(self, name: str, main: str) -> None:
        path = self.here / name
        path.write_text(PROGRAM.format(name=name, here=str(self.here), overrides=self.overrides.get(name, []), main=main))
        path.chmod(0o755)

    def program(self, name: str, words: str, body: str) -> None:
        """Let calls of a program that hold these words run a shell script instead."""
        self.overrides.setdefault(name, []).append((words, body))
        self._write(name, {"kubeadm": KUBEADM, "crictl": CRICTL}.get(name, ""))

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def settings(self, texts: dict[str, str]) -> list[dict]:
        """Settings files below the node's directory, as the module takes them."""
        return [{"path": str(self.kubernetes / name), "content": text, "mode": "0600"} for name, text in texts.items()]

    def joined(self, ready: str = "True", status: int = 200) -> None:
        """Let the kubelet have a credential, and the API know the node."""
        (self.kubernetes / "kubelet.conf").write_text("clusters:\n- cluster:\n    server: https://10.0.0.10:6443\n")
        node = {"status": {"conditions": [{"type": "Ready", "status": ready}]}}
        self.answers["https://10.0.0.10:6443/api/v1/nodes/cp-2"] = (status, json.dumps(node))

    def ask(self, url: str, credential: Path | None = None) -> tuple[int, str]:
        """In place of member_facts.ask: a part answers unless its manifest is bad."""
        if url in self.answers:
            return self.answers[url]
        for part, place in plane.PARTS.items():
            manifest = self.kubernetes / f"manifests/{part}.yaml"
            if url == place.format(address="10.0.0.12", port=6443) and manifest.exists() and "bad" not in manifest.read_text():
                return 200, "ok"
        raise ConnectionRefusedError("connection refused")


@pytest.fixture(autouse=True, scope="session")
def lab_state(tmp_path_factory):
    """No test looks at a lab that is up, or changes how its inventory is found."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOICEHELPER_LAB_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def control_plane(tmp_path, monkeypatch):
    """The node; its programs write down how they were called."""
    node = Node(tmp_path)
    places = {"KUBERNETES": node.kubernetes, "STAMP": node.stamp, "ETCD_DATA": node.etcd, "ask": node.ask}
    for name, value in places.items():
        monkeypatch.setattr(facts, name, value)
    monkeypatch.setattr(plane, "CONFIG", node.kubernetes / "kubeadm.yaml")
    monkeypatch.setattr(plane, "MANIFESTS", node.kubernetes / "manifests")
    monkeypatch.setattr(plane, "UNFINISHED", tmp_path / "unfinished.json")
    monkeypatch.setattr(plane, "PAUSE", 0)
    for module, name in ((plane, "kubeadm"), (plane, "crictl"), (kubeadm_member, "kubeadm"), (kubeadm_member, "etcdctl")):
        monkeypatch.setattr(module, name.upper(), str(tmp_path / name))
    monkeypatch.setattr(kubeadm_member, "KUBELET", str(tmp_path / "kubelet"))
    return node


@pytest.fixture
def act():
    """Run an action as a task would: `act(ActionModule, check=False, diff=False, variables={}, **arguments)` gives its result."""

    def run(kind, /, *, check=False, diff=False, variables=None, **arguments):
        task = SimpleNamespace(args=arguments, check_mode=check, diff=diff, async_val=0, action=kind.__module__)
        loader, connection = DataLoader(), SimpleNamespace(_shell=SimpleNamespace(tmpdir="/nonexistent"))
        action = kind(task, connection, None, loader, Templar(loader, variables or {}))
        action._load_name = kind.__module__.rpartition(".")[2]
        return action.run(task_vars=variables or {})

    return run
