"""Modules, lookups, filters and callbacks, from their own DOCUMENTATION."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.generate.markdown import code, page, parse_yaml, prose, sentence, table

KINDS = {"modules": "Modules", "lookup": "Lookups", "callback": "Callbacks", "filter": "Filters"}
HEADER = ("Option", "Type", "Default", "Description")


def pages(repository: Path) -> dict[Path, str]:
    """docs/reference/plugins.md"""
    blocks = ["They belong to this project and are called by their bare name; `ansible.cfg` says where they are."]
    for folder, title in KINDS.items():
        sections = [block for path in sorted(repository.glob(f"plugins/{folder}/*.py")) for block in _section(path, folder)]
        blocks += [f"## {title}", *sections] if sections else []
    return {Path("docs/reference/plugins.md"): page("Plugins", *blocks, source="plugins/")}


def _section(path: Path, folder: str) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    constants = _constants(tree)
    if "DOCUMENTATION" in constants:
        document = parse_yaml(constants["DOCUMENTATION"])
        yield f"### {path.stem}"
        yield prose(document["short_description"]) + "."
        yield prose(document.get("description", ""))
        yield table(HEADER, _rows(document.get("options") or {}))
        returned = parse_yaml(constants.get("RETURN", "")) or {}
        yield table(("Returns", "Type", "Description"), _returned(returned))
        if "EXAMPLES" in constants:
            yield f"```yaml\n{constants['EXAMPLES'].strip()}\n```"
    elif folder == "filter":
        for name, function in _filters(tree).items():
            summary = (ast.get_docstring(function) or "").split("\n\n")[0]
            yield f"### {name}"
            yield " ".join(summary.split())


def _constants(tree: ast.Module) -> dict[str, str]:
    """The module's own string constants."""
    return {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def _filters(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """Public functions of a filter file that have a docstring."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    return {function.name: function for function in functions if ast.get_docstring(function)}


def _rows(options: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, ...]]:
    for name, option in options.items():
        default = "**required**" if option.get("required") else code(option.get("default"))
        kind = f"{option.get('type', 'str')} of {option['elements']}" if "elements" in option else option.get("type", "str")
        text = sentence(option.get("description", ""))
        if choices := option.get("choices"):
            text += f" One of {', '.join(code(choice) for choice in choices)}."
        yield f"`{prefix}{name}`", kind, default, text
        inner = "[]." if option.get("elements") == "dict" else "."
        yield from _rows(option.get("suboptions") or {}, prefix + name + inner)


def _returned(values: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, value in values.items():
        yield f"`{name}`", value.get("type", ""), sentence(value.get("description", ""))
