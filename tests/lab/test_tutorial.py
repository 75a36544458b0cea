"""The tutorial's first part, word for word, on the lab that is up: all of it but making the lab and putting it away."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import stages
from tests.chaos.cluster import kubectl

pytestmark = pytest.mark.long

PART = re.search(r"^## Part 1.*?(?=^## Part 2)", (stages.PROJECT / "docs/tutorial.md").read_text(), re.MULTILINE | re.DOTALL).group()
SECTIONS = dict(re.findall(r"^### (.*?)\n(.*?)(?=^### |\Z)", PART, re.MULTILINE | re.DOTALL))
SECONDS, WATCH_SECONDS = 1200, 20
SITE = stages.PROJECT / "inventories/lab/group_vars/site/site.yml"


def blocks(section: str, language: str) -> list[str]:
    """The code of a section."""
    return re.findall(rf"^```{language}\n(.*?)^```", SECTIONS[section], re.MULTILINE | re.DOTALL)


def type_in(section: str) -> str:
    """Type a section's lines into a shell, one after the other; what they say. A line that watches is left after a while."""
    said = []
    environment = {**os.environ, "PATH": f"{stages.PROJECT / '.venv/bin'}:{os.environ['PATH']}"}
    for line in "".join(blocks(section, "bash")).splitlines():
        bound = f"timeout {WATCH_SECONDS} {line} || [ $? = 124 ]" if line.endswith(" -w") else line
        quiet = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "env": environment, "cwd": stages.PROJECT}
        done = subprocess.run(["bash", "-c", bound], timeout=SECONDS, check=False, **quiet)
        assert done.returncode == 0, f"{line}\n{done.stdout[-4000:]}{done.stderr}"
        said.append(done.stdout)
    return "\n".join(said)


@contextmanager
def written(path: Path, addition: str) -> Iterator[None]:
    """A file with some more lines, for a while."""
    before = path.read_text()
    path.write_text(before + addition)
    try:
        yield
    finally:
        path.write_text(before)


def changes(output: str) -> dict[str, int]:
    """How often a run changed each host."""
    recap = output.rpartition("PLAY RECAP")[2]
    return {host: int(count) for host, count in re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", recap, re.MULTILINE)}


def audit_days() -> set[str]:
    """What the API servers that run were told of their audit log."""
    pods = json.loads(kubectl("get", "pods", "--namespace=kube-system", "--selector=component=kube-apiserver", "--output=json"))["items"]
    words = [word for pod in pods for word in pod["spec"]["containers"][0]["command"]]
    return {word.partition("=")[2] for word in words if word.startswith("--audit-log-maxage=")}


def test_change_something():
    (addition,) = blocks("Change something", "yaml")
    with written(SITE, addition):
        type_in("Change something")
        assert audit_days() == {"90"}
        code, output = stages.run("site.yml", "--tags=kubernetes")
        assert code == 0 and not any(changes(output).values()), output[-4000:]
    code, output = stages.run("site.yml", "--tags=kubernetes")
    assert code == 0, output[-4000:]
    assert audit_days() == {"30"}


def test_look_around():
    said = type_in("Look around")
    assert "PostgreSQL 1" in said and "PostgreSQL database dump complete" in said


def test_run_it_again():
    said = changes(type_in("Run it again"))
    assert said and not any(said.values()), said


def test_break_something():
    assert "findings are well" in type_in("Break something")
