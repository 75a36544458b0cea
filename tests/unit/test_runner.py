"""The runner of all proofs: what it counts, what it stops, what it leaves out."""

import sys
import time

import pytest

from tests import run, stages
from tests.stages import Stage, Step

PYTEST_OUTPUT = "== 2 failed ==\nFAILED x\n===== 2 failed, 7 passed, 1 error in 3.20s =====\nlog line"


@pytest.fixture
def runner(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "LOGS", tmp_path)
    return run.Runner(run.Tally(), verbose=False)


def stage(*steps, **more):
    return Stage("sample", "for a test", lambda _run: iter(steps), **more)


def say(text, code=0):
    return [sys.executable, "-c", f"import sys; print({text!r}); sys.exit({code})"]


def test_a_command_without_tests_counts_as_one(runner, capsys):
    assert runner.run(stage(Step("fine", say("hello"))))
    assert (runner.tally.passed, runner.tally.failed) == (1, 0)
    assert "ok     fine (0:00)" in capsys.readouterr().out


def test_tests_are_counted_wherever_their_summary_stands(runner, capsys):
    assert not runner.run(stage(Step("pytest", say(PYTEST_OUTPUT, 1))))
    assert (runner.tally.passed, runner.tally.failed) == (7, 3)
    assert runner.tally.broken == ["sample/pytest"]
    assert "| FAILED x" in capsys.readouterr().out


def test_a_failure_that_no_runner_counted_is_one(runner):
    assert not runner.run(stage(Step("dies", say("no summary", 4)), Step("next", say("x"))))
    assert (runner.tally.passed, runner.tally.failed) == (1, 1)


def test_nothing_follows_a_decisive_failure(runner):
    assert not runner.run(stage(Step("first", say("", 1), decisive=True), Step("second", say("x"))))
    assert runner.tally.passed == 0


def test_what_hangs_is_ended_with_its_children(runner, capsys):
    began = time.monotonic()
    hanging = ["sh", "-c", "sleep 60 & wait"]
    assert not runner.run(stage(Step("hangs", hanging, seconds=0.5)))
    assert time.monotonic() - began < 10
    assert "did not end within 0 s" in capsys.readouterr().out


def test_a_function_may_refuse_or_break(runner, capsys):
    def refuse():
        raise AssertionError("two hosts changed")

    def broken():
        return {}["absent"]

    assert not runner.run(stage(Step("refuses", work=refuse), Step("breaks", work=broken), Step("tells", work=lambda: "3 nodes")))
    printed = capsys.readouterr().out
    assert "two hosts changed" in printed and "KeyError: 'absent'" in printed and "tells (0:00): 3 nodes" in printed


def test_steps_side_by_side_wait_for_each_other_and_count(runner, tmp_path):
    meet = "import pathlib, sys, time\nme, other = (pathlib.Path(sys.argv[1], name) for name in sys.argv[2:])\nme.touch()\n"
    meet += "for _ in range(400):\n    if other.exists(): sys.exit(0)\n    time.sleep(0.05)\nsys.exit(1)"
    steps = [Step(f"{a} meets {b}", [sys.executable, "-c", meet, str(tmp_path), a, b]) for a, b in ("xy", "yx")]
    assert not runner.run(stage(*steps, Step("fails", say("x", 1)), at_once=2))
    assert (runner.tally.passed, runner.tally.failed) == (2, 1)


def test_what_must_run_alone_runs_first(runner, tmp_path):
    order = []
    steps = [Step(name, work=lambda name=name: order.append(name) or name, alone=name == "alone") for name in ("a", "alone")]
    assert runner.run(stage(*steps, at_once=2))
    assert order == ["alone", "a"]


def test_what_runs_side_by_side_ends_with_the_run(runner):
    def interrupt():
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        runner.run(stage(Step("interrupted", work=interrupt), Step("hangs", ["sleep", "60"]), at_once=2))
    assert time.monotonic() - began < 20


@pytest.fixture
def main(runner, monkeypatch, capsys):
    """Run the program with stages of one's own; gives (exit code, output)."""

    def call(*arguments, all_stages):
        monkeypatch.setattr(stages, "ALL", all_stages)
        monkeypatch.setattr(stages, "lab_is_up", lambda: True)
        monkeypatch.setattr(sys, "argv", ["run", *arguments])
        return run.main(), capsys.readouterr().out

    return call


def named(name, code=0, needs=()):
    return Stage(name, "", lambda _run: iter([Step("step", say("x", code))]), needs)


def test_a_stage_whose_need_failed_is_not_run_and_fails(main):
    code, output = main(all_stages=[named("a", 1), named("b", needs=("a",)), named("c", needs=("b",)), named("d")])
    assert code == 1
    assert "== b: FAILED, not run because a failed" in output and "== c: FAILED, not run because b failed" in output
    assert output.endswith("1 passed, 3 failed\n")


def test_single_stages_run_without_what_they_need(main):
    code, output = main("b", all_stages=[named("a", 1), named("b", needs=("a",))])
    assert code == 0 and output.endswith("1 passed, 0 failed\n")


def test_an_unknown_stage_is_named_with_the_known_ones(main, capsys):
    with pytest.raises(SystemExit):
        main("lnt", all_stages=[named("lint")])
    assert "unknown stage lnt; known: lint" in capsys.readouterr().err


def test_every_need_stands_before_the_stage_that_has_it():
    seen = set()
    for each in stages.ALL:
        assert set(each.needs) <= seen
        seen.add(each.name)


def test_every_role_has_a_scenario(project):
    roles = {path.parents[1].name for path in project.glob("roles/*/tasks/main.yml")}
    assert roles <= set(stages.scenarios())


def test_scenarios_of_systems_wait_for_all_systems():
    assert {stages.need_of(name) for name in stages.scenarios()} == {"nothing", "cluster", "systems"}
    assert {stages.need_of(system) for system in stages.MODES["full"]} == {"systems"}
