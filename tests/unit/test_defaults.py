"""Defaults say what they are: an operator who reads one file of them needs no other."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VARIABLE = re.compile(r"^([a-z]\w*):(.*)$", re.MULTILINE)


@pytest.mark.parametrize("path", sorted(ROOT.glob("roles/*/defaults/main.yml")), ids=lambda path: path.parts[-3])
def test_each_variable_has_a_comment_on_its_line(path):
    found = VARIABLE.findall(path.read_text())
    assert found
    assert [name for name, rest in found if not re.search(r"\s# \S", rest)] == []
