"""Awkward values for every variable of an inventory: each is refused by name, or YAML and a shell read it as it was meant."""

from __future__ import annotations

import random
import re
import shlex

import pytest
import yaml

from bootstrap.validators.forms import FORMS, kind
from bootstrap.validators.site import Site
from bootstrap.validators.values import check_values
from tests.good_site import KNOWN

OPTIONS, SHARED = KNOWN
SEED = 20
STRANGE = ["\n", "\t", " ", '"', "'", "\\", "%", "#", ": ", "{{ x }}", "$(x)", "`", "&", "*", "é", "\u2028", "\x00", "=", ",", "/", "@"]
WORDS = [
    "10023",
    "-1",
    "1e3",
    "1e-3",
    "2026-01-31",
    "2026-1-3t10:00:00Z",
    "12:30",
    "0o12",
    "0x1f",
    "1.5",
    "1_000",
    "no",
    "true",
    "null",
    "~",
    "",
    " ",
    "- a",
    "[a]",
    "{a: b}",
    "a" * 400,
    "ü",
    "|",
    "!x",
    "%n",
]
GO_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")  # yamlStyleFloat of Go's YAML; PyYAML wants a dot
OTHER_TYPES = [None, True, False, -1, 0, 1.5, 10**12, [], ["a\nb"], [None], {}, {"a": None}, [[1]]]
GOOD = [
    "a",
    "voice",
    "10.0.0.1",
    "10.0.0.0/8",
    "example.com:5000",
    "https://u:p%40ss@example.com/x",
    "/var/lib/x",
    "20Gi",
    "90s",
    "15 1 * * *",
]


def texts():
    """Words, and good values with something strange in them; the same in every run."""
    chance = random.Random(SEED)
    yield from WORDS
    for good in GOOD:
        yield good
        for strange in STRANGE:
            place = chance.randint(0, len(good))
            yield good[:place] + strange + good[place:]


def refused(name, value):
    """Whether the inventory check names the variable, or a part of it, and ends the run."""
    findings = list(check_values(Site({name: value}, {}, {}, given={"site": [name]}, options=OPTIONS, shared=SHARED)))
    assert all(finding.what and finding.found and finding.wanted for finding in findings)
    return any(name in finding.what for finding in findings)


def read_as_meant(text, name):
    """Whether YAML in double quotes and a shell in single quotes leave a text as it is; a name stands without quotes too."""
    kept = yaml.safe_load(f'x: "{text}"') == {"x": text} and shlex.split(f"'{text}'") == [text]
    return kept and (not name or (yaml.safe_load(f"x: {text}") == {"x": text} and not GO_FLOAT.fullmatch(text)))


@pytest.mark.parametrize("name", sorted(name for name, option in OPTIONS.items() if option.get("type") in ("str", "path") and kind(name)))
def test_a_text(name):
    for text in texts():
        if not refused(name, text) and text:
            assert read_as_meant(text, kind(name).name), f"{name}: {text!r} passes"
    for value in OTHER_TYPES:
        if not isinstance(value, int | float) or isinstance(value, bool):
            assert refused(name, value), f"{name}: {value!r} passes"


@pytest.mark.parametrize("name", sorted(name for name, option in OPTIONS.items() if option.get("elements") == "str" and kind(name)))
def test_a_list_of_texts(name):
    for text in texts():
        if not refused(name, [text]):
            assert read_as_meant(text, kind(name).name), f"{name}: {text!r} passes"
        assert refused(name, text), f"{name}: {text!r} instead of a list passes"


@pytest.mark.parametrize("name", sorted(name for name, option in OPTIONS.items() if option.get("type") == "int"))
def test_a_number(name):
    for value in [*texts(), *OTHER_TYPES]:
        fine = str(value).isascii() and str(value).isdigit() and int(value) < 2**31
        assert fine or refused(name, value), f"{name}: {value!r} passes"


@pytest.mark.parametrize("name", sorted(name for name, option in OPTIONS.items() if option.get("type") == "bool"))
def test_a_boolean(name):
    for value in [*texts(), *OTHER_TYPES]:
        fine = str(value).lower() in ("true", "false", "yes", "no", "0", "1", "on", "off", "t", "f", "y", "n")
        assert fine or refused(name, value), f"{name}: {value!r} passes"


@pytest.mark.parametrize("path", sorted(path for path in FORMS if "." in path))
def test_a_text_inside_a_dict(path):
    name, *keys = path.split(".")
    option = OPTIONS[name]
    for text in texts():
        value = text
        for key in reversed(keys):
            value = {"v" if key == "*" else key: value} if key else {text: "1"}
        if path.startswith("containerd_registry_mirrors.*."):
            value = {"v": [value["v"]]}
        if option.get("type") == "list":
            value = [value]
        if not refused(name, value) and text:
            assert read_as_meant(text, FORMS[path].name), f"{path}: {text!r} passes"
