"""What `make load` makes of what its clients tell."""

from __future__ import annotations

import pytest

from tests.bench import report
from tests.chaos.cluster import ClusterError
from tests.load import __main__ as load

ROUND = {"whole": [0.1] * 98 + [0.2, 0.3], "seconds": 10.0, "errors": {"503": 1}}


def test_figures_are_of_answers_and_count_what_went_wrong():
    found = load.figures(load.together([ROUND, ROUND]))
    assert (found["p50"], found["p95"], found["rate"], found["count"], found["errors"]) == (100.0, 100.0, 10.0, 200, 2)
    assert 200 <= found["p99"] <= 300


def test_one_answer_has_figures_too():
    found = load.figures({"whole": [0.5], "seconds": 1.0})
    assert (found["p50"], found["p99"], found["errors"]) == (500.0, 500.0, 0)


def test_no_answer_is_no_figure():
    with pytest.raises(ClusterError, match="503"):
        load.figures({"whole": [], "seconds": 1.0, "errors": {"503": 7}})


def test_the_service_is_compared_with_its_library_by_work_done():
    service = [{"whole": [0.1] * 64, "seconds": 2.4}] * 3  # 32 clients: two batches' worth
    bare = [{"whole": [1.0, 1.0], "seconds": 2.0}] * 3
    assert load.beside(service, bare, 32) == {"service": 1200.0, "bare": 1000.0, "more": 0.2}


def test_the_page_has_one_such_section_and_a_benchmark_keeps_it():
    results = {"date": "2026-01-01", "requests": {"embed": load.figures(ROUND)}, "beside": {}, "recall": {"found": 0.95}}
    page = report.with_services("# Benchmarks\n\nbefore\n", results)
    again = report.with_services(page, results | {"recall": {"found": 0.5}})
    assert again.count(report.SERVICES) == 1 and again.startswith("# Benchmarks\n\nbefore\n\n") and "| 50.0% |" in again
    assert report.services(again) in again and report.services("# Benchmarks\n") == ""
