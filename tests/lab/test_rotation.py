"""What was rotated is refused afterwards, a password by every system and the cluster's own keys by its API, and the new one is taken."""

from __future__ import annotations

import base64
import copy
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from bootstrap.secrets.objects import secret_objects
from tests import stages
from tests.chaos.cluster import ClusterError, kubectl, lab, objects, shell, wait
from tests.chaos.stream import CLIENTS
from tests.chaos.systems import SYSTEMS, System

pytestmark = pytest.mark.long

SECONDS, PATIENCE = 3600, 180
SECRETS = secret_objects(yaml.safe_load((stages.PROJECT / "group_vars/all/secrets.yml").read_text())["site_secrets"], "voicehelper")
KEYS = ("ca", "etcd_ca", "front_proxy_ca", "service_account", "secretbox", "kube_vip")
ENCRYPTION = "/etc/kubernetes/apiserver/encryption.yaml"
# In the toolbox: the client's own program, which finds its password in the first line of stdin and nowhere else.
ROTATE = [*stages.LAB, "run", "playbooks/rotate-secrets.yml"]
CLIENT = "import json, os, sys; os.environ |= json.loads(sys.stdin.readline()); exec(sys.stdin.read())"


@pytest.fixture(scope="module")
def systems() -> list[System]:
    """Those that the lab runs."""
    return [system for system in SYSTEMS if system.replicas]


def passwords(system: System) -> dict[str, str]:
    """What the client's program reads from Secrets, by variable."""
    found = {variable: objects("secret", name)[0]["data"][key] for variable, (name, key) in system.secrets.items()}
    return {variable: base64.b64decode(value).decode() for variable, value in found.items()}


def sign_in(system: System, words: dict[str, str]) -> str:
    """Have the client's program remove what it may have written. Raises ClusterError when it is not let in."""
    environment = json.dumps(system.settings | words | {"START": "0", "PAUSE": "0"})
    program = (CLIENTS / f"{system.name}.py").read_text()
    command = ["timeout", "60", "python3", "-c", CLIENT, "clean"]
    return kubectl("exec", "-i", "deploy/toolbox", "--", *command, text=f"{environment}\n{program}", seconds=90)


def rotate(*arguments: str) -> None:
    command = [*ROTATE, *arguments]
    done = subprocess.run(command, cwd=stages.PROJECT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_old_password_of_every_system_is_refused(systems):
    old = {system.name: passwords(system) for system in systems}
    names = {SECRETS[name]["secrets"][key] for system in systems for name, key in system.secrets.values()}
    rotate("-e", f"confirm={','.join(sorted(names | {'metrics_server_tls', 'kubernetes_bootstrap_token'}))}")
    for system in systems:
        new = passwords(system)
        assert not set(new.values()) & set(old[system.name].values()), system.name
        wait(lambda system=system, new=new: sign_in(system, new) is not None, PATIENCE, f"{system.name}: the new password is taken")
        with pytest.raises(ClusterError):  # it was well a moment ago, so it is the password that is not liked
            sign_in(system, old[system.name])


def kubeconfig() -> dict:
    return yaml.safe_load((lab().topology.inventory / "credentials/kubeconfig").read_text())


def ask(config: dict, folder: Path) -> str:
    """What the API says to whom a kubeconfig shows it. Raises ClusterError when it lets nobody in."""
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return kubectl(f"--kubeconfig={path}", "auth", "whoami", "--output=jsonpath={.status.userInfo.username}")


def interrupt(names: str, play: str) -> None:
    """Begin a rotation and kill it while its second step is at work on the machines."""
    command = [*ROTATE, "-e", f"confirm={names}"]
    with subprocess.Popen(command, cwd=stages.PROJECT, stdout=subprocess.PIPE, text=True, start_new_session=True) as run:
        adopting = False
        for line in run.stdout:
            adopting |= "Take the step adopt" in line
            if adopting and play in line:
                os.killpg(run.pid, signal.SIGKILL)
                return
    raise AssertionError(f"the rotation ended before {play!r}")


def kept_secrets() -> dict[str, dict]:
    """What every Secret holds, by uid; bootstrap tokens are made for an hour, by each run that needs one."""
    found = objects("secrets", "--all-namespaces", "--field-selector=type!=bootstrap.kubernetes.io/token")
    return {item["metadata"]["uid"]: item.get("data") for item in found}


def test_the_old_keys_of_the_cluster_are_refused(tmp_path):
    planes = [node.name for node in lab().topology.nodes if node.role == "control_plane"]
    old, token = kubeconfig(), kubectl("create", "token", "default", "--duration=24h").strip()
    encryption = {shell(node, f"cat {ENCRYPTION}") for node in planes}
    secrets = kept_secrets()
    interrupt(",".join(f"kubernetes_{name}" for name in KEYS), "Bring the changed settings into force")
    rotate("-e", "resume=true")
    new = kubeconfig()
    assert ask(new, tmp_path) == "kubernetes-admin"
    for user in (old["users"][0]["user"], {"token": token}):
        config = copy.deepcopy(new)
        config["users"][0]["user"] = user
        with pytest.raises(ClusterError, match="Unauthorized"):
            ask(config, tmp_path)
    with pytest.raises(ClusterError, match="certificate signed by unknown authority"):
        ask({**new, "clusters": old["clusters"]}, tmp_path)
    keys = {
        yaml.safe_load(shell(node, f"cat {ENCRYPTION}"))["resources"][0]["providers"][0]["secretbox"]["keys"][0]["secret"]
        for node in planes
    }
    assert len(keys) == 1 and not any(key in text for key in keys for text in encryption)
    # No API server has the old key any more, so what is read was encrypted with the new one.
    after = kept_secrets()
    assert {uid: after[uid] for uid in secrets.keys() & after.keys()} == {uid: secrets[uid] for uid in secrets.keys() & after.keys()}
    wait(lambda: all(node["status"]["conditions"][-1]["status"] == "True" for node in objects("nodes")), PATIENCE, "all nodes are ready")
