"""artifacts/runner.py: how much time it says is left."""

from __future__ import annotations

import pytest
from rich.console import Console

from artifacts.runner import Progress


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ({"a": 300, "b": 300, "c": 300}, "7 of 10 · 0:00 · about 5:00 left"),  # three at a time
        ({"a": 60}, "9 of 10 · 0:00 · about 1:00 left"),  # nothing else is left to run beside it
        ({}, "10 of 10 · 0:00 · about 0:00 left"),
    ],
)
def test_time_left_counts_what_runs_side_by_side(left, said):
    assert Progress(Console(), 10, left, jobs=3).summary() == said
