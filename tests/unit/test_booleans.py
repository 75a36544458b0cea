"""A boolean from the command line (`-e x=false`) arrives as text, and text is true: every use of one goes through `| bool`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from ansible.plugins.filter.core import to_bool
from jinja2 import Environment, nodes

PROJECT = Path(__file__).parents[2]
BARE = {"when", "failed_when", "changed_when", "until", "that"}  # Ansible reads these as expressions, without braces
ROLES = [
    path for folder in ("defaults", "handlers", "tasks", "templates", "vars") for path in sorted(PROJECT.glob(f"roles/*/{folder}/**/*.*"))
]
FILES = [
    *ROLES,
    *(path for pattern in ("templates/*.j2", "playbooks/**/*.yml", "group_vars/all/*.yml") for path in sorted(PROJECT.glob(pattern))),
]
READER = Environment(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])


def read(path: Path) -> object:
    """What a YAML file holds, tags of Ansible aside."""
    return yaml.load(path.read_text(), yaml.CSafeLoader) or {}


@cache
def templates(path: Path) -> tuple[str, ...]:
    """Every template of a file."""
    return tuple(expressions(read(path))) if path.suffix == ".yml" else (path.read_text(),)


def meant_as_boolean(template: str) -> Iterator[str]:
    """The variables that a template itself takes for booleans: by the filter `bool`, or by a default of true or false."""
    for node in READER.parse(template).find_all(nodes.Filter):
        defaulted = node.name == "default" and node.args and isinstance(getattr(node.args[0], "value", None), bool)
        inner = node.node.node if node.name == "bool" and isinstance(node.node, nodes.Filter) else node.node
        if (node.name == "bool" or defaulted) and isinstance(inner, nodes.Name):
            yield inner.name


@cache
def booleans() -> frozenset[str]:
    """Every option of a role that is a boolean, every shared variable that holds one, and whatever any file takes for one."""
    found = {name for path in FILES for template in templates(path) for name in meant_as_boolean(template)}
    for path in PROJECT.glob("roles/*/meta/argument_specs.yml"):
        for entry in read(path)["argument_specs"].values():
            found |= {name for name, option in (entry.get("options") or {}).items() if option.get("type") == "bool"}
    for path in PROJECT.glob("group_vars/all/*.yml"):
        found |= {name for name, value in read(path).items() if isinstance(value, bool)}
    return frozenset(found)


def bare_uses(template: str, names: Collection[str]) -> Iterator[str]:
    """The names that a template uses as they are, not by way of `bool` (after `default` or not)."""
    tree = READER.parse(template)
    converted = set()
    for node in tree.find_all(nodes.Filter):
        inner = node.node
        if isinstance(inner, nodes.Filter) and inner.name == "default":
            inner = inner.node
        if node.name == "bool" and isinstance(inner, nodes.Name):
            converted.add(id(inner))
    for test in tree.find_all(nodes.Test):
        if test.name in ("defined", "undefined") and isinstance(test.node, nodes.Name):
            converted.add(id(test.node))
    yield from (node.name for node in tree.find_all(nodes.Name) if node.name in names and id(node) not in converted)


def expressions(content: object, key: str = "") -> Iterator[str]:
    """Every template below a YAML value; what Ansible reads as an expression gets its braces."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield from expressions(value, str(name).rpartition(".")[2])
    elif isinstance(content, list):
        for value in content:
            yield from expressions(value, key)
    elif isinstance(content, str):
        yield f"{{{{ {content} }}}}" if key in BARE and "{{" not in content else content


def test_there_are_booleans():
    assert {"kubeadm_new_cluster", "base_swap_off", "time_sync_set_clock", "postgresql_backup_enabled"} <= booleans()
    assert {"backup_first", "prune", "resume"} <= booleans(), "of the command line alone"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_boolean_is_used_by_way_of_bool(path):
    found = sorted({name for template in templates(path) for name in bare_uses(template, booleans())})
    assert not found, f"{path.relative_to(PROJECT)}: | bool is missing behind {', '.join(found)}"


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("{{ 1 if x else 2 }}", ["x"]),
        ("{% if not x %}{% endif %}", ["x"]),
        ("{{ x | lower }}", ["x"]),
        ("{{ x | bool | lower }}", []),
        ("{{ x | default(false) | bool and x is defined }}", []),
    ],
)
def test_a_use_without_bool_is_found(template, found):
    assert list(bare_uses(template, {"x"})) == found


@pytest.mark.parametrize("text", ["false", "no", "0", "off", "False"])
def test_ansible_takes_such_text_for_false(text):
    assert to_bool(text) is False
