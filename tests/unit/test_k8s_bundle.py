"""k8s_bundle applies several bundles at once, each under its own name and from its own role."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from bootstrap import roles
from bootstrap.errors import BootstrapError
from plugins.action import k8s_bundle

ARGUMENTS = {"name": None, "bundles": None, "template": "one.yml.j2", "domain": "example.org", "labels": {}, "wait": True, "timeout": 10.0}


@pytest.fixture
def action(tmp_path, monkeypatch):
    """The action, its cluster and waiting left out: `applied` tells what went to the cluster, by bundle."""
    for role in ("redis", "nats"):
        (tmp_path / role / "templates").mkdir(parents=True)
        (tmp_path / role / "vars").mkdir()
        (tmp_path / role / "vars/main.yml").write_text(f"{role}_word: of {role}\n")
        text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {role}}}\ndata: {{word: {{{{ {role}_word }}}}, site: {{{{ site }}}}}}\n"
        (tmp_path / role / "templates/one.yml.j2").write_text(text)
    made = k8s_bundle.ActionModule.__new__(k8s_bundle.ActionModule)
    made._loader, made._task = DataLoader(), SimpleNamespace(check_mode=False, diff=False)
    made._templar, made.applied = Templar(made._loader, {}), {}
    for module in (roles, k8s_bundle):
        monkeypatch.setattr(module, "ROLES", tmp_path)
    monkeypatch.setattr(made, "cluster", lambda _: None, raising=False)
    monkeypatch.setattr(k8s_bundle, "keep", lambda _api, _objects: ([], []))
    monkeypatch.setattr(k8s_bundle, "refusals", lambda *_: [])
    monkeypatch.setattr(k8s_bundle, "stop_changed", lambda *_: None)
    monkeypatch.setattr(k8s_bundle, "wait", lambda *_: None)

    def apply(_api, name, stage, _check, _deadline):
        made.applied[name] = stage
        return [(item, None, item) for item in stage]

    monkeypatch.setattr(k8s_bundle, "_apply", apply)
    return made


def run(action, **arguments):
    return action.execute({**ARGUMENTS, "confirmed": [], **arguments}, {"site": "berlin"})


BOTH = {"redis-restore": "redis", "nats": "nats"}


def test_each_bundle_is_of_its_role_and_has_its_own_label(action):
    result = run(action, bundles=BOTH)
    assert {name: items[0]["data"] for name, items in action.applied.items()} == {
        "redis-restore": {"word": "of redis", "site": "berlin"},
        "nats": {"word": "of nats", "site": "berlin"},
    }
    labels = {name: items[0]["metadata"]["labels"] for name, items in action.applied.items()}
    assert labels == {name: {"example.org/bundle": name} for name in BOTH}
    assert result["objects"] == 2 and result["changed"] and len(result["changed_objects"]) == 2


def test_they_are_awaited_together(action, monkeypatch):
    together = threading.Barrier(2, timeout=10)
    monkeypatch.setattr(k8s_bundle, "wait", lambda *_: together.wait())
    run(action, bundles=BOTH)


def test_every_failure_is_told_with_its_bundle(action, monkeypatch):
    def wait(_api, name, *_):
        raise BootstrapError(f"{name} is not ready")

    monkeypatch.setattr(k8s_bundle, "wait", wait)
    with pytest.raises(BootstrapError, match=r"redis-restore: redis-restore is not ready\nnats: nats is not ready"):
        run(action, bundles=BOTH)


def test_something_has_to_be_named(action):
    with pytest.raises(BootstrapError, match="found neither name nor bundles"):
        run(action)
