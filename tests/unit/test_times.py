"""docs/gate.md: what it says is what was recorded."""

from tests import scenarios, stages, times


def test_the_page_tells_the_recorded_times(tmp_path, monkeypatch):
    monkeypatch.setenv("VOICEHELPER_LAB_STORE", str(tmp_path))
    scenarios.gate_passed(times.taken({"lint": 61.4, "unit": 305.0}), {})
    text = times.page(scenarios.record()["gate"])
    assert "The last green gate took 6:06 on " in text
    assert "| `lint` | 1:01 | " in text and "| `unit` | 5:05 | " in text and "| `lab` |  | " in text


def test_without_a_record_it_tells_none():
    assert "no time is told" in times.page(None)


def test_the_page_is_of_the_stages_and_scenarios_that_there_are(project):
    """Whatever was measured: `python -m tests.times` writes it."""
    text = (project / "docs/gate.md").read_text()
    for stage in stages.ALL:
        assert stage.name in text and stage.about in text
    assert "\n".join(times._scenarios()) in text
