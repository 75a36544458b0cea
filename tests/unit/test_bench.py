"""The benchmark page from measurements."""

import pytest

from tests.bench import report


def run(seconds, changed=0, elsewhere=3):
    hosts = {name: {"ok": ok, "changed": changed, "skipped": 3} for name, ok in {"lab-cp-1": 12, "lab-worker-1": elsewhere}.items()}
    tasks = [{"task": f"t{n}", "seconds": n / 10, "path": f"roles/r/tasks/main.yml:{n}", "play": f"p{n % 2}"} for n in range(12)]
    return {"seconds": seconds, "hosts": hosts, "tasks": tasks, "memory_mib": {"lab-cp-1": 900}, "calls": 42}


def operation(seconds, elsewhere=3):
    about = run(seconds, 1, elsewhere)
    about["hosts"]["lab-worker-9"] = {"ok": 50, "changed": 9}
    return about


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setenv("VOICEHELPER_LAB_STORE", str(tmp_path))
    runs = {"first": run(90.0, 30), "second": run(20.0), "platform": run(60.0, 9), "platform again": run(40.0)}
    runs |= {f"{key} {size}": operation(25.0) for key in ("joins", "anew in", "leaves") for size in ("three", "nine")}
    return {"machine": {"cores": 2, "model": "x", "memory_gib": 24, "kernel": "6"}, "date": "2026-01-01", "runs": runs}


def test_times_stand_beside_what_is_wanted_and_the_peer(results):
    text = report.page(results)
    assert "| Blank machines → all nodes Ready, Cilium serving | 90.0 s | 60 | 42 | 104 s | 263 s, 2.9 times as long |" in text
    assert "Slower than wanted" not in text and "2.6 times" in text


def test_a_missed_goal_is_said(results):
    results["runs"]["second"]["seconds"] = 26
    assert "Slower than wanted: The same again" in report.page(results)


def test_an_operation_that_grows_with_the_cluster_or_busies_others_is_said(results):
    assert "| A blank worker joins (scale.yml) | 25.0 s | 25.0 s | 1.00 | 3 | 3 | 42 | 42 |" in report.page(results)
    assert "More than wanted" not in report.page(results)
    results["runs"]["joins nine"] = operation(40.0)
    results["runs"]["anew in three"] = operation(25.0, elsewhere=4)
    text = report.page(results)
    assert "1.60 times as long" in text and "4 tasks on each other node" in text


def test_a_stage_has_its_tasks_and_time(results):
    assert "| p1 | 6 | 3.6 s |" in report.page(results)


def test_the_slowest_ten_are_ten(results):
    section = report.page(results).split("### The slowest ten tasks of the first run")[1].split("###")[0]
    assert section.count("`roles/r/tasks/main.yml`") == 10 and "| t11 | 1.1 s" in section


def test_tables_are_regular(results):
    for block in report.page(results).split("\n\n"):
        if block.startswith("|"):
            assert len({line.replace("\\|", "").count("|") for line in block.splitlines()}) == 1
