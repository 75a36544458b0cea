"""What is made of a stream's words, and the page from measurements; the events themselves need a lab."""

from __future__ import annotations

import pytest
import yaml

from tests.chaos import report
from tests.chaos.events import EVENTS
from tests.chaos.stream import CLIENTS, judged
from tests.chaos.systems import SYSTEMS

NAME, EVENT = SYSTEMS[0].name, EVENTS[0]


def words(*lines):
    return [line.split() for line in lines]


def test_silence_is_the_longest_time_from_the_event_on():
    lines = words("1 10.0", "2 17.0", "3 18.0", "4 22.5", "error 19.0 connection refused", "5 22.6")
    verdict = judged(lines, {1, 2, 3, 4, 5}, since=17.5)
    assert verdict.silence == 4.5  # the gap of seven seconds was before anything happened
    assert (verdict.acknowledged, verdict.errors, verdict.lost) == (5, 1, [])


def test_a_gap_that_the_event_began_counts_from_the_last_write_before_it():
    assert judged(words("1 10.0", "2 20.0"), {1, 2}, since=11).silence == 10


def test_what_was_acknowledged_and_is_gone_is_lost_but_not_what_merely_is_there():
    assert judged(words("1 10.0", "2 11.0", "3 12.0", "error 13.0 unknown"), {1, 3, 4, 99}, since=9).lost == [2]


@pytest.fixture
def results():
    record = {"silence": 4.2, "acknowledged": 900, "errors": 3, "lost": 0, "bound": 60, "alone": False, "node": "n", "date": "2026-01-01"}
    machine = {"cores": 2, "model": "x", "memory_gib": 24, "kernel": "6"}
    return {"machine": machine, "systems": {NAME: {EVENT.name: record}}}


def test_the_page_shows_what_was_measured_and_nothing_else(results):
    text = report.page(results)
    assert f"| {NAME} | 4.2 |" in text
    assert f"| {NAME} | 0 of 900 |" in text
    assert "What did not come through" not in text
    assert not [system.name for system in SYSTEMS[1:] if f"| {system.name} |" in text]


def test_a_broken_promise_is_marked_and_explained(results):
    results["systems"][NAME][EVENT.name] |= {"lost": 2, "failed": "lost 2 acknowledged writes"}
    text = report.page(results)
    assert "| 2 of 900 **broken promise** |" in text and "| 4.2 |" in text
    assert f"| {NAME} | {EVENT.name} | lost 2 acknowledged writes |" in text


def test_a_silence_beyond_its_bound_is_marked(results):
    results["systems"][NAME][EVENT.name] |= {"silence": 61.0, "failed": "61 s without writes"}
    text = report.page(results)
    assert "| 61.0 **too long** |" in text and "| 0 of 900 |" in text


def test_an_event_that_could_not_be_judged_is_a_failure(results):
    results["systems"][NAME] = {EVENT.name: {"failed": "whole again: not in 420 s"}}
    assert f"| {NAME} | **failed** |" in report.page(results)


def test_a_system_that_could_not_go_on_is_marked(results):
    results["systems"][NAME][EVENT.name]["alone"] = True
    assert f"| {NAME} | 4.2¹ |" in report.page(results)


def test_tables_are_regular(results):
    for block in report.page(results).split("\n\n"):
        if block.startswith("|"):
            assert len({line.replace("\\|", "").count("|") for line in block.splitlines()}) == 1


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_every_system_has_a_client_and_promises_something(system):
    assert (CLIENTS / f"{system.name}.py").exists()
    assert system.promise
    assert set(system.may_lose) | set(system.bounds) <= {event.name for event in EVENTS}


def test_every_system_of_the_platform_is_there_once(project):
    modes = yaml.safe_load((project / "group_vars/all/modes.yml").read_text())["deploy_modes"]
    assert sorted(system.name for system in SYSTEMS) == sorted(modes["full"])
