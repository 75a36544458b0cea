"""What all actions have alike: their documentation is what their arguments are held against."""

from __future__ import annotations

import dataclasses
import importlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ansible.errors import AnsibleActionFail

import bootstrap.ansible
from bootstrap.ansible import ControllerAction, KubernetesAction
from bootstrap.checks.base import Finding, Site
from bootstrap.errors import BootstrapError
from bootstrap.kube.api import ApiError
from plugins.action import cluster_checks, kube_ready, secrets_rewrite

PLUGINS = Path(__file__).parents[2] / "plugins"
MODULES = sorted(path.stem for path in PLUGINS.glob("modules/*.py"))
ACTIONS = sorted(path.stem for path in PLUGINS.glob("action/*.py"))


@pytest.fixture(scope="module")
def pages():
    """What ansible-doc shows of every module of this project, by name."""
    command = [Path(sys.executable).with_name("ansible-doc"), "--type", "module", "--json", *MODULES]
    done = subprocess.run(command, cwd=PLUGINS.parent, capture_output=True, text=True, check=True)
    return {name: page["doc"] for name, page in json.loads(done.stdout).items()}


@pytest.fixture
def made(monkeypatch, tmp_path):
    """An action of a module with a page of its own: `made(base, page, work)` gives its class."""

    def make(base, page, work):
        name = f"made_{tmp_path.name}"
        (tmp_path / f"{name}.py").write_text(f'DOCUMENTATION = """\n{page}"""\n')
        (tmp_path / "action").mkdir()
        source = f"from bootstrap.ansible import {base.__name__}\nclass ActionModule({base.__name__}):\n    pass\n"
        (tmp_path / "action" / f"{name}.py").write_text(source)
        monkeypatch.setattr(bootstrap.ansible, "MODULES", tmp_path)
        monkeypatch.syspath_prepend(tmp_path / "action")
        kind = importlib.import_module(name).ActionModule
        kind.execute = work
        return kind

    return make


OPTIONS = """
options:
  count: {type: int, default: 3}
  way: {type: str, choices: [up, down], required: true}
  parts: {type: list, elements: dict, default: [], suboptions: {name: {type: str, required: true}, size: {type: int, default: 1}}}
"""


def test_every_module_has_a_page(pages):
    assert sorted(pages) == MODULES
    assert [name for name in MODULES if not (pages[name]["short_description"] and pages[name]["description"])] == []


@pytest.mark.parametrize("name", ACTIONS)
def test_the_options_of_an_action_are_those_of_its_page(pages, name):
    action = importlib.import_module(f"plugins.action.{name}").ActionModule
    assert issubclass(action, ControllerAction) and action.run in (ControllerAction.run, KubernetesAction.run)
    assert action.options == bootstrap.ansible.specification(pages[name].get("options") or {})


@pytest.mark.parametrize("name", [*sorted(set(MODULES) - set(ACTIONS)), "node_probe"])
def test_the_options_of_a_module_on_nodes_are_those_of_its_page(pages, monkeypatch, name):
    module, asked = importlib.import_module(f"plugins.modules.{name}"), {}

    def stop(argument_spec, **_):
        asked.update(argument_spec)
        raise InterruptedError

    monkeypatch.setattr(module, "AnsibleModule", stop)
    with pytest.raises(InterruptedError):
        module.main()
    assert plain(asked) == plain(bootstrap.ansible.specification(pages[name]["options"]))


def plain(spec):
    """What a page tells of a spec, without what goes without saying."""
    silent = {"type": "str", "required": False, "default": None}
    told = ("type", "elements", "required", "default", "choices")
    return {
        name: {rule: option[rule] for rule in told if option.get(rule, silent.get(rule)) != silent.get(rule)}
        | ({"options": plain(option["options"])} if "options" in option else {})
        for name, option in spec.items()
    }


def test_the_checks_of_a_cluster_are_given_all_that_they_need():
    fields = {field.name for field in dataclasses.fields(Site) if field.init}
    assert set(cluster_checks.ActionModule.options) == fields | {"checks", "systems"}


@pytest.mark.parametrize("check", [True, False])
def test_systems_are_used_while_the_cluster_is_checked(monkeypatch, act, check):
    fields = [field for field in dataclasses.fields(Site) if field.init]
    site = {field.name: {"dict": {}, "list": [], "float": 1.0}.get(str(field.type).split("[")[0], "x") for field in fields}
    system = {"system": "redis", "namespace": "storage", "pods": [{"name": "client", "script": "works 'ping' true"}]}
    together, asked = threading.Barrier(1 if check else 2, timeout=10), []

    def used(parameters):
        asked.extend(parameters["systems"])
        if asked:
            together.wait()
        return [{"system": system["system"]} for system in asked]

    def checked(*_, **__):
        together.wait()
        return [Finding("api", "x", True)]

    monkeypatch.setattr(cluster_checks, "Site", lambda **_: None)
    monkeypatch.setattr(cluster_checks.pods, "run", used)
    monkeypatch.setattr(cluster_checks, "run", checked)
    answer = act(cluster_checks.ActionModule, check=check, **site, checks=["api"], systems=[system])
    assert [finding.get("check", finding.get("system")) for finding in answer["findings"]] == ["api"] + ([] if check else ["redis"])
    assert [pod["files"] for system in asked for pod in system["pods"]] == ([] if check else [{}])


def test_arguments_get_their_types_and_defaults(made, act):
    kind = made(ControllerAction, OPTIONS, lambda self, arguments, _: {"seen": arguments})
    answer = act(kind, way="up", parts=[{"name": 7}])
    assert answer == {"changed": False, "seen": {"count": 3, "way": "up", "parts": [{"name": "7", "size": 1}]}}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({}, "missing required arguments: way"),
        ({"way": "left"}, "value of way must be one of: up, down, got: left"),
        ({"way": "up", "count": "many"}, "count.*unable to convert to int"),
        ({"way": "up", "weigh": 1}, "Unsupported parameters.*weigh.*Supported parameters include: count, parts, way"),
        ({"way": "up", "parts": [{"size": 2}]}, "missing required arguments: name found in parts"),
    ],
)
def test_what_the_page_does_not_allow_is_refused(made, act, arguments, why):
    kind = made(ControllerAction, OPTIONS, lambda *_: pytest.fail("it was done"))
    with pytest.raises(AnsibleActionFail, match=why):
        act(kind, **arguments)


def test_the_page_is_read_once_for_all_tasks(monkeypatch, made, act):
    kind = made(ControllerAction, OPTIONS, lambda self, *_: {"check": self.check, "diff": self.diff})
    monkeypatch.setattr(bootstrap.ansible, "read_docstring", lambda *_, **__: pytest.fail("it was read again"))
    assert act(kind, way="up") == {"changed": False, "check": False, "diff": False}
    assert act(kind, way="up", check=True, diff=True) == {"changed": False, "check": True, "diff": True}


def test_an_error_of_this_project_is_a_failure_that_says_what_it_is_about(made, act):
    def work(self, arguments, _):
        if arguments["way"] == "down":
            self.about = "the lift"
        raise BootstrapError("found no power")

    kind = made(ControllerAction, OPTIONS, work)
    for way, said in {"up": "found no power", "down": "the lift: found no power"}.items():
        with pytest.raises(AnsibleActionFail, match=f"^{said}$"):
            act(kind, way=way)


def test_the_cluster_is_the_sites_unless_another_one_is_given(monkeypatch, act):
    asked = []
    monkeypatch.setattr(bootstrap.ansible, "KubeApi", lambda kubeconfig, **_: asked.append(kubeconfig))
    monkeypatch.setattr(secrets_rewrite, "rewrite", lambda api: [])
    variables = {"platform_state_dir": "/site", "platform_kubeconfig": "/site/kubeconfig"}
    act(secrets_rewrite.ActionModule, variables=variables)
    act(secrets_rewrite.ActionModule, variables=variables, kubeconfig="/other")
    assert asked == ["/site/kubeconfig", "/other"]


def test_a_kubeconfig_that_is_not_there_is_told(act, tmp_path):
    with pytest.raises(AnsibleActionFail, match=f"kubeconfig {tmp_path}/none: found no file; wanted the cluster's, which playbooks/"):
        act(kube_ready.ActionModule, kubeconfig=str(tmp_path / "none"))
    assert issubclass(ApiError, BootstrapError)
