"""Two operators and one cluster: who has not its secrets changes nothing, and who comes second waits."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.kube import run_lock
from bootstrap.kube.api import KubeApi
from lab.workload import kubeconfig
from tests import nodes, stages
from tests.chaos.cluster import kubectl

KINDS = "secrets,configmaps,deployments,daemonsets,statefulsets,services,networkpolicies,cronjobs,clusterroles,persistentvolumes"
STORE = "voicehelper.local/patroni"  # label of what the members keep in the cluster
PASSING = ("resourceVersion", "managedFields", "generation")
QUICK = "playbooks/tiers/00-prerequisites.yml"  # changes nothing where the cluster is as it should be


def objects() -> dict[str, Any]:
    """What the cluster's objects say, without what its own controllers and PostgreSQL's members write all the time."""
    found = {}
    for item in json.loads(kubectl("get", KINDS, "--all-namespaces", f"--selector=!{STORE}", "--output=json"))["items"]:
        meta = {key: value for key, value in item["metadata"].items() if key not in PASSING}
        name = f"{item['kind']} {meta.get('namespace', '')}/{meta['name']}"
        found[name] = {**{key: value for key, value in item.items() if key != "status"}, "metadata": meta}
    return found


@pytest.fixture
def second_clone(tmp_path: Path) -> Path:
    """The site's inventory as a second operator has it: without what git ignores."""
    return shutil.copytree(stages.topology().inventory, tmp_path / "site", ignore=shutil.ignore_patterns("credentials"))


def play(name: str, inventory: Path, *options: str) -> tuple[int, str]:
    """Run a playbook with an inventory; its exit code and what it said."""
    command = ["ansible-playbook", "-i", str(inventory), name, *options]
    done = subprocess.run(command, cwd=stages.PROJECT, capture_output=True, text=True, timeout=900, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("options", [[], ["--check", "--diff"]], ids=["run", "check"])
def test_an_operator_without_the_secrets_changes_nothing(second_clone, options):
    nodes.mark()
    before = objects()
    code, output = play("site.yml", second_clone, *options)
    assert code != 0
    assert "secrets.yml" in output
    assert not (second_clone / "credentials/secrets.yml").exists()
    nodes.untouched()
    assert objects() == before


@pytest.mark.long
def test_an_operator_with_the_secrets_has_nothing_to_do(second_clone):
    credentials = second_clone / "credentials"
    credentials.mkdir(mode=0o700)
    shutil.copy(stages.topology().inventory / "credentials/secrets.yml", credentials)
    for expected in ({"localhost"}, set()):  # its own kubectl, helm and kubeconfig, once
        code, output = play("site.yml", second_clone, "--skip-tags=verify")
        assert code == 0, output[-4000:]
        recap = [line.split() for line in output.rpartition("PLAY RECAP")[2].splitlines() if " changed=" in line]
        assert {words[0] for words in recap if "changed=0" not in words} == expected


@pytest.fixture
def other_run() -> Iterator[subprocess.Popen]:
    """Another operator's run, as far as the cluster knows: a process for which the lock is kept."""
    path = str(kubeconfig(stages.topology().inventory))
    with subprocess.Popen(["sleep", "600"]) as process:
        holder = f"anna@elsewhere:{process.pid} site.yml"
        assert run_lock.acquire(KubeApi(path), holder)
        run_lock.start_keeper(path, holder, process.pid)
        yield process
        process.kill()


def test_who_comes_second_is_told_who_is_at_work(other_run):
    code, output = stages.run(QUICK)
    assert code != 0
    assert f"anna@elsewhere:{other_run.pid} site.yml" in output
    code, output = stages.run(QUICK, "--check")
    assert code == 0, "a check disturbs nobody\n" + output[-2000:]
    other_run.kill()
    other_run.wait()
    code, output = stages.run(QUICK)
    assert code == 0, output[-2000:]


def test_the_lock_of_a_machine_that_is_gone_ends_by_itself():
    assert run_lock.acquire(KubeApi(str(kubeconfig(stages.topology().inventory))), "anna@lost:1 site.yml")
    code, output = stages.run(QUICK)
    assert code == 0, output[-2000:]
