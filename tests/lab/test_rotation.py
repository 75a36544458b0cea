"""A rotated password is refused afterwards, by every system, and the new one is taken."""

from __future__ import annotations

import base64
import json
import subprocess

import pytest
import yaml

from tests import stages
from tests.chaos.cluster import ClusterError, kubectl, objects, wait
from tests.chaos.stream import CLIENTS
from tests.chaos.systems import SYSTEMS, System

pytestmark = pytest.mark.long

SECONDS, PATIENCE = 3600, 180
SECRETS = yaml.safe_load((stages.PROJECT / "roles/platform_secrets/defaults/main.yml").read_text())["platform_secrets_objects"]
# In the toolbox: the client's own program, which finds its password in the first line of stdin and nowhere else.
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
    environment = json.dumps(system.settings | words | {"START": "0"})
    program = (CLIENTS / f"{system.name}.py").read_text()
    command = ["timeout", "60", "python3", "-c", CLIENT, "clean"]
    return kubectl("exec", "-i", "deploy/toolbox", "--", *command, text=f"{environment}\n{program}", seconds=90)


def rotate(*arguments: str) -> None:
    command = [*stages.LAB, "run", "playbooks/rotate-secrets.yml", *arguments]
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
