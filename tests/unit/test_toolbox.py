"""Programs in the toolbox: what travels where, and what their answers mean."""

from __future__ import annotations

import json
import subprocess
from types import SimpleNamespace

import pytest

from bootstrap.kube import toolbox
from bootstrap.kube.toolbox import ProgramError, Toolbox


@pytest.fixture
def box(monkeypatch):
    """A toolbox whose kubectl is a list of prepared outcomes; `calls` has what was run."""
    outcomes, calls = [], []

    def run(command, **options):
        calls.append((command, options["input"]))
        code, out, err = outcomes.pop(0)
        return subprocess.CompletedProcess(command, code, out, err)

    monkeypatch.setattr(toolbox, "KubeApi", lambda kubeconfig: SimpleNamespace(get=lambda reference: made.deployment))
    monkeypatch.setattr(toolbox.subprocess, "run", run)
    monkeypatch.setattr(toolbox.time, "sleep", lambda seconds: None)
    made = Toolbox("kubeconfig", "kubectl", "space")
    made.outcomes, made.calls, made.deployment = outcomes, calls, None
    return made


def test_input_travels_on_standard_input_only(box):
    box.outcomes.append((0, 'noise\n{"actions": ["CREATE x"]}\n', ""))
    assert box.run("kafka.objects", {"password": "secret"}, 10) == ["CREATE x"]
    ((command, given),) = box.calls
    assert json.loads(given) == {"password": "secret"}
    assert not [word for word in command if "secret" in word]
    assert command[-3:] == ["python3", "-m", "programs.kafka.objects"]


def test_a_failure_says_what_the_program_said(box):
    box.outcomes.append((1, "", "no such topic"))
    with pytest.raises(ProgramError, match="no such topic"):
        box.run("kafka.objects", {}, 10)


def test_a_pod_that_is_being_replaced_is_asked_again(box):
    box.outcomes += [(1, "", "error: unable to upgrade connection: container not found"), (0, '{"actions": []}', "")]
    assert box.run("kafka.objects", {}, 10) == []
    assert len(box.calls) == 2


@pytest.mark.parametrize("output", ["", "done", "[]", '{"done": 1}'])
def test_an_answer_of_another_shape_is_an_error(box, output):
    box.outcomes.append((0, output, ""))
    with pytest.raises(ProgramError, match="last line"):
        box.run("kafka.objects", {}, 10)


@pytest.mark.parametrize(
    ("ready", "image", "there"),
    [(1, "toolbox:2", True), (0, "toolbox:2", False), (1, "toolbox:1", False)],  # of another image, the programs are others
)
def test_it_is_there_when_a_pod_of_its_image_is_ready(box, ready, image, there):
    assert not box.exists("toolbox:2")
    pod = {"spec": {"containers": [{"image": image}]}}
    box.deployment = {"spec": {"template": pod}, "status": {"readyReplicas": ready}}
    assert box.exists("toolbox:2") is there
