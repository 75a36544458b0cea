"""The benchmark page from measurements."""

import pytest

from tests.bench import report


def run(seconds, changed=0):
    hosts = {"lab-cp-1": {"ok": 12, "changed": changed, "skipped": 3}}
    tasks = [{"task": f"t{n}", "seconds": n / 10, "path": f"roles/r/tasks/main.yml:{n}"} for n in range(12)]
    return {"seconds": seconds, "hosts": hosts, "tasks": tasks, "memory_mib": {"lab-cp-1": 900}}


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setenv("VOICEHELPER_LAB_STORE", str(tmp_path))
    runs = {"first": run(90.0, 30), "second": run(20.0), "platform": run(60.0, 9), "platform again": run(40.0), "worker": run(25.0, 8)}
    return {"machine": {"cores": 2, "model": "x", "memory_gib": 24, "kernel": "6"}, "date": "2026-01-01", "runs": runs}


def test_times_stand_beside_what_is_wanted_and_the_peer(results):
    text = report.page(results)
    assert "| Blank machines → all nodes Ready, Cilium serving | 90.0 s | 30 | 104 s | 263 s, 2.9 times as long |" in text
    assert "Slower than wanted" not in text and "2.6 times" in text


def test_a_missed_goal_is_said(results):
    results["runs"]["second"]["seconds"] = 26
    assert "Slower than wanted: The same again" in report.page(results)


def test_the_slowest_ten_are_ten(results):
    section = report.page(results).split("### The slowest ten tasks of the first run")[1].split("###")[0]
    assert section.count("`roles/r/tasks/main.yml`") == 10 and "| t11 | 1.1 s" in section


def test_tables_are_regular(results):
    for block in report.page(results).split("\n\n"):
        if block.startswith("|"):
            assert len({line.replace("\\|", "").count("|") for line in block.splitlines()}) == 1
