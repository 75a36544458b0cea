"""What is known of the scenarios: how the gate proves each, and what makes one run whole."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from tests import scenarios, stages


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """An artifact store that remembers nothing."""
    monkeypatch.setenv("VOICEHELPER_LAB_STORE", str(tmp_path / "store"))


@pytest.fixture
def copied(project, tmp_path, monkeypatch):
    """The files that scenarios are made of, to be changed."""
    for folder in ("molecule", "roles/redis", "roles/kafka", "plugins", "templates"):
        shutil.copytree(project / folder, tmp_path / folder, symlinks=True)
    shutil.copytree(project / ".config", tmp_path / ".config", symlinks=True)
    monkeypatch.setattr(scenarios, "PROJECT", tmp_path)
    monkeypatch.setattr(scenarios, "FOLDER", tmp_path / "molecule")
    monkeypatch.setattr(scenarios, "USED", [tmp_path / folder.relative_to(project) for folder in scenarios.USED])
    return tmp_path


def steps(stage):
    """(names of what runs, {name: reason} of what does not)"""
    found = list(stage(None))
    left_out = {name: step.left_out for step in found if step.left_out for name in step.name.split(", ")}
    return [step.name for step in found if not step.left_out], left_out


def green_gate():
    scenarios.gate_passed({"stages": {}}, {name: scenarios.digest(name) for name in scenarios.names()})


def test_every_role_has_a_scenario(project):
    roles = {path.parents[1].name for name in ("tasks/main.yml", "templates/bundle.yml.j2") for path in project.glob(f"roles/*/{name}")}
    assert roles <= set(scenarios.names())


def test_scenarios_of_systems_wait_for_all_systems():
    assert {scenarios.need_of(name) for name in scenarios.names()} == {"nothing", "cluster", "systems"}
    assert {scenarios.need_of(system) for system in stages.MODES["full"]} == {"systems"}


def test_every_scenario_is_proved_in_one_way():
    ways = [*scenarios.machines(), *scenarios.together(), *scenarios.on_the_lab(), *scenarios.OWN_CONVERGE]
    assert sorted(ways) == scenarios.names()


def test_the_shared_machine_has_the_tests_of_every_scenario_on_it(project):
    folder = project / "molecule" / scenarios.SHARED
    verifier = yaml.safe_load((folder / "molecule.yml").read_text())["verifier"]
    tests = {*(folder / verifier["directory"]).resolve().glob("test_*.py")}
    tests |= {(folder / verifier["directory"] / path).resolve() for path in verifier["additional_files_or_dirs"]}
    assert tests == {path for name in scenarios.together() for path in project.glob(f"molecule/{name}/tests/test_*.py")}


def test_what_is_tested_on_the_lab_is_what_the_whole_run_converges(project):
    """Each role of these scenarios is one of the playbooks of site.yml, or a service that one of them deploys."""

    def books(path):
        yield path
        for play in yaml.safe_load(path.read_text()):
            if book := play.get("import_playbook"):
                yield from books(path.parent / book)

    named = re.findall(r"\b(?:role|name): (\w+)", "".join(path.read_text() for path in books(project / "site.yml")))
    services = yaml.safe_load((project / "group_vars/all/modes.yml").read_text())["deploy_mode_services"]["full"]
    assert set(scenarios.on_the_lab()) <= {*named, *services}


def test_the_tests_of_all_scenarios_are_collected_by_one_process(project):
    (step, *_) = stages.role_tests(None)
    command = [sys.executable, "-m", *step.command, "--collect-only", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    found = list(dict.fromkeys(line.split("/")[1] for line in done.stdout.splitlines() if "::" in line))
    assert found == scenarios.on_the_lab()  # in this order: what disturbs others comes last


def test_without_a_green_gate_none_runs_whole_and_each_is_named():
    scenarios.passed("redis", scenarios.digest("redis"))  # by name
    run, left_out = steps(stages.changed_roles)
    assert run == [] and list(left_out) == scenarios.on_the_lab()
    assert set(left_out.values()) == {"no green gate is recorded in this store; make test ARGS=roles"}


def test_the_scenario_of_a_changed_role_runs_whole_until_it_was_green(copied):
    green_gate()
    (copied / "roles/redis/defaults/main.yml").write_text("{}\n")
    run, left_out = steps(stages.changed_roles)
    assert run == ["redis"] and set(left_out) == set(scenarios.on_the_lab()) - {"redis"}
    (step,) = [step for step in stages.changed_roles(None) if step.name == "redis"]
    assert step.command == ["molecule", "test", "--scenario-name", "redis"]
    (copied / "roles/redis/defaults/main.yml").write_text("a: 1\n")  # while it runs
    step.then()
    assert steps(stages.changed_roles)[0] == ["redis"]
    next(step for step in stages.changed_roles(None) if step.name == "redis").then()
    assert steps(stages.changed_roles)[0] == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("molecule/redis/tests/test_redis.py", {"redis"}),
        ("plugins/modules/toolbox_program.py", {"redis", "kafka"}),
        ("templates/macros.j2", {"redis", "kafka"}),
        ("plugins/modules/data_mount.py", set()),
    ],
)
def test_a_scenario_is_made_of_its_role_and_what_that_names(copied, path, expected):
    before = {name: scenarios.digest(name) for name in ("redis", "kafka")}
    with (copied / path).open("a") as file:
        file.write("\n")
    assert {name for name, digest in before.items() if scenarios.digest(name) != digest} == expected


def test_a_new_scenario_is_a_changed_one(copied):
    green_gate()
    shutil.copytree(copied / "molecule/redis", copied / "molecule/brand_new", symlinks=True)
    assert steps(stages.changed_roles)[0] == ["brand_new"]


def test_more_than_fit_are_named_and_not_forgotten(copied, monkeypatch):
    monkeypatch.setattr(scenarios, "MOST", 2)
    green_gate()
    for name in ("kafka", "nats", "redis"):
        (copied / f"molecule/{name}/new").touch()
    run, left_out = steps(stages.changed_roles)
    assert run == ["kafka", "nats"] and left_out["redis"] == "changed, but more than 2 are; make test ARGS=roles"
    for step in stages.changed_roles(None):
        if step.then:
            step.then()
    green_gate()
    assert steps(stages.changed_roles)[0] == ["redis"]


def test_an_interruption_leaves_the_record_as_it_was(monkeypatch):
    green_gate()
    before = scenarios.record()

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scenarios.passed("redis", "other")
    assert scenarios.record() == before
    assert [path.name for path in scenarios._path().parent.iterdir()] == ["gate.json"]
    assert json.loads(scenarios._path().read_text()) == before


@pytest.mark.parametrize("name", scenarios.names())
def test_the_playbooks_that_a_scenario_borrows_are_there(name):
    folder = scenarios.FOLDER / name
    provisioner = (yaml.safe_load((folder / "molecule.yml").read_text()) or {}).get("provisioner", {})
    borrowed = [path.replace("${MOLECULE_PROJECT_DIRECTORY}", str(scenarios.PROJECT)) for path in provisioner.get("playbooks", {}).values()]
    assert [path for path in borrowed if not (folder / path).exists()] == []
