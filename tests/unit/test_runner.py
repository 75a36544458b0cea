"""The runner of all proofs: what it counts, what it stops, what it leaves out."""

import json
import sys
import time

import pytest

from tests import cleanup, run, scenarios, stages, witness
from tests.stages import Stage, Step

PYTEST_OUTPUT = "== 2 failed ==\nFAILED x\n===== 2 failed, 7 passed, 1 error in 3.20s =====\nlog line"
LOOK = {"time": 10000.0, "load": 2.0, "memory_gib": 8.0, "disk_gib": 7.0, "memory_waited": 3.0, "io_waited": 1.0}


@pytest.fixture
def runner(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "LOGS", tmp_path)
    monkeypatch.setenv("VOICEHELPER_LAB_STORE", str(tmp_path / "store"))
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


def test_what_is_ended_may_say_what_it_has_found_so_far(runner, capsys):
    telling = ["sh", "-c", "trap 'echo two failed so far; exit 2' INT; sleep 60 & wait"]
    assert not runner.run(stage(Step("tells", telling, seconds=1)))
    assert "| two failed so far" in capsys.readouterr().out


def test_a_failure_tells_what_the_machine_went_through(runner):
    runner.looks.append({"time": 0.0, "load": 1.0, "memory_gib": 9.0, "disk_gib": 5.0})  # before this stage
    hungry = Step("hungry", work=lambda: runner.looks.extend([LOOK, LOOK | {"load": 50.0, "memory_gib": 0.5}]) or 1 / 0)
    assert not runner.run(stage(hungry))
    told = "load up to 50, at least 0.5 GiB of memory available and 7 GiB of disk free, all processes waited for memory up to 3 %"
    assert f"from 02:46:40 to 02:46:40: {told}" in runner.hardships["sample"]


def test_the_machine_is_looked_at_while_a_run_lasts(tmp_path, monkeypatch):
    monkeypatch.setattr(witness, "SECONDS", 0.01)
    with witness.of_machine(tmp_path / "machine.jsonl") as looks:
        time.sleep(0.2)
    written = [json.loads(line) for line in (tmp_path / "machine.jsonl").read_text().splitlines()]
    assert written == looks and written
    assert written[0]["memory_gib"] > 0 and written[0]["disk_gib"] > 0


def test_containers_that_were_killed_are_named(monkeypatch):
    labels = {"io.kubernetes.pod.namespace": "kube-system", "io.kubernetes.pod.name": "kube-apiserver-cp-1"}
    common = {"labels": labels, "finishedAt": "2026-01-02T03:04:05.6Z"}
    killed = {"metadata": {"name": "kube-apiserver", "attempt": 2}, "exitCode": 137, "reason": "Error", **common}
    done = {"metadata": {"name": "init"}, "exitCode": 0, "reason": "Completed", **common}
    text = "\n".join(json.dumps({"status": status}) for status in (killed, done))
    monkeypatch.setattr(witness.nodes, "shell", lambda _command: {"cp-1": text, "worker-1": ""})
    assert witness.ended() == [
        "2026-01-02T03:04:05 cp-1 kube-system/kube-apiserver-cp-1/kube-apiserver, after 2 restarts: exit code 137, Error"
    ]


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
        monkeypatch.setattr(cleanup, "lab_is_up", lambda: True)
        monkeypatch.setattr(witness, "ended", lambda: ["cp-1 etcd was killed"])
        monkeypatch.setattr(sys, "argv", ["run", *arguments])
        return run.main(), capsys.readouterr().out

    return call


def named(name, code=0, needs=(), **more):
    return Stage(name, "", lambda _run: iter([Step("step", say("x", code))]), needs, **more)


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


def test_what_follows_a_step_follows_only_a_passed_one(runner):
    then = []
    assert not runner.run(stage(*(Step(str(code), say("x", code), then=lambda code=code: then.append(code)) for code in (0, 1))))
    assert then == [0]


def test_what_is_left_out_is_named_and_counts_for_nothing(main):
    left_out = Stage("b", "", lambda _run: iter([Step("redis, kafka", left_out="unchanged")]))
    code, output = main(all_stages=[named("a"), left_out, named("c", on_demand=True)])
    assert code == 0 and output.endswith("1 passed, 0 failed\n")
    assert "   left out redis, kafka: unchanged\n== b: left out in 0:00" in output
    assert "\nLeft out:\n   b: redis, kafka (unchanged)\n   c: " in output


def test_each_stages_time_is_told_in_the_end(main):
    _, output = main(all_stages=[named("a"), named("b", 1), named("c", needs=("b",))])
    assert "\n  0:00  a\n  0:00  b FAILED\n  0:00  c FAILED\n" in output
    assert "cp-1 etcd was killed" in output


@pytest.mark.parametrize(("arguments", "code", "kept"), [((), 0, True), ((), 1, False), (("a",), 0, False)])
def test_a_whole_and_green_gate_alone_is_remembered(main, arguments, code, kept):
    main(*arguments, all_stages=[named("a", code)])
    assert ("gate" in scenarios.record()) == kept
    if kept:
        assert set(scenarios.record()["gate"]["stages"]) == {"a"}
        assert set(scenarios.record()["scenarios"]) == set(scenarios.names())


def test_the_gate_is_compared_with_what_was_there_when_it_began(main, monkeypatch):
    """A file that changes meanwhile may have come too late for its proof."""
    digests = {"redis": "old"}
    monkeypatch.setattr(scenarios, "names", lambda: ["redis"])
    monkeypatch.setattr(scenarios, "digest", digests.get)

    def edit():
        digests["redis"] = "new"
        return "edited"

    main(all_stages=[Stage("a", "", lambda _run: iter([Step("edit", work=edit)]))])
    assert scenarios.record()["scenarios"] == {"redis": "old"}
