"""The demonstration's client: events of an answer as they come, and what ends it."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from tests.demo.__main__ import words
from tests.demo.gateway import Gateway


def answered(*lines):
    """A gateway that answers a question with these lines."""
    gateway = Gateway.__new__(Gateway)
    gateway.send = lambda *_, **__: nullcontext(SimpleNamespace(iter_lines=lambda decode_unicode: iter(lines)))
    return gateway


def test_events_come_with_their_data():
    lines = ["event: sources", 'data: {"sources": []}', "", ": still here", "event: token", 'data: {"text": "a: b"}', ""]
    assert list(answered(*lines).ask("?")) == [("sources", {"sources": []}), ("token", {"text": "a: b"})]


def test_an_answer_that_ends_with_an_error_is_none():
    with pytest.raises(RuntimeError, match="llm-proxy"):
        list(answered("event: error", 'data: {"error": {"field": "llm-proxy"}}').ask("?"))


def test_words_are_compared_without_their_case_and_marks():
    assert words("How many days, please?") == words("how MANY days please")
