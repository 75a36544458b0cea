"""The protocol by which a system says whether it can lose members."""

import io
import json
import time

import pytest

from programs import membership
from programs.membership import Membership
from programs.protocol import Refusal


@pytest.fixture
def tell(monkeypatch, capsys):
    def run(ask, *faults, **wanted):
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"lost": [], **wanted})))
        membership.tell(ask, *faults)
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


def test_a_whole_system_misses_nothing(tell):
    assert tell(lambda _: Membership(leaders=["b-1", "a-0", "b-1"])) == {
        "leaders": ["a-0", "b-1"], "alone": [], "whole": True, "why": "", "held": [], "losing": []}  # fmt: skip


def test_what_is_missing_is_told_once(tell):
    found = tell(lambda wanted: Membership(why=["a-1 is behind", "a-1 is behind", "a-2 is away"], held=wanted["lost"]), lost=["a-0"])
    assert (found["whole"], found["why"], found["held"]) == (False, "a-1 is behind; a-2 is away", ["a-0"])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Refusal("nobody leads"), "nobody leads"),
        (ConnectionRefusedError("x"), "ConnectionRefusedError: x"),
        (KeyError("k"), "KeyError: 'k'"),
    ],
)
def test_no_answer_is_a_failure_with_a_sentence(tell, error, said):
    def ask(_):
        raise error

    with pytest.raises(SystemExit) as end:
        tell(ask, KeyError)
    assert end.value.code == said


def test_a_system_that_hangs_is_given_up(tell):
    with pytest.raises(SystemExit) as end:
        tell(lambda _: time.sleep(30), patience=0.1)
    assert end.value.code == "no whole answer within 0.1 s"
