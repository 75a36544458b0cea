"""Markdown from data, and YAML that may carry Ansible's own tags."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

LONGEST_DEFAULT = 90  # characters of a value that a table still shows


class _Loader(yaml.SafeLoader):
    """Reads ``!vault`` and ``!unsafe`` as the plain value below them."""


_Loader.add_multi_constructor("!", lambda loader, _tag, node: loader.construct_scalar(node))


def read_yaml(path: Path) -> Any:
    """The data of a YAML file; an empty mapping when there is no such file or nothing in it."""
    return (yaml.load(path.read_text(), Loader=_Loader) if path.exists() else None) or {}


def parse_yaml(text: str) -> Any:
    """The data of a YAML text, such as a plugin's DOCUMENTATION."""
    return yaml.load(text, Loader=_Loader)


def page(title: str, *blocks: str, source: str) -> str:
    """A whole page; ``source`` says what it is generated from."""
    head = f"<!-- Generated from {source} by `make docs`; edit that, not this. -->"
    return "\n\n".join([head, f"# {title}", *(block for block in blocks if block)]) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table; empty when there is no row."""
    lines = [_row(row) for row in rows]
    return "\n".join([_row(header), "|" + "---|" * len(header), *lines]) if lines else ""


def _row(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def prose(text: str | Iterable[str]) -> str:
    """A description in Ansible's markup (``C(code)``, ``M(module)``, …) as Markdown; a list gives paragraphs."""
    if not isinstance(text, str):
        return "\n\n".join(prose(paragraph) for paragraph in text)
    text = re.sub(r"\b[CVOMPE]\(([^()]*(?:\([^()]*\)[^()]*)*)\)", r"`\1`", text)
    text = re.sub(r"\bB\(([^)]*)\)", r"**\1**", text)
    text = re.sub(r"\bI\(([^)]*)\)", r"*\1*", text)
    text = re.sub(r"\bU\(([^)]*)\)", r"<\1>", text)
    return re.sub(r"\bL\(([^,)]*),\s*([^)]*)\)", r"[\1](\2)", text).strip()


def sentence(text: str | Iterable[str]) -> str:
    """A description for a table cell: one paragraph."""
    return prose(text if isinstance(text, str) else " ".join(text))


def code(value: Any) -> str:
    """A value as it would stand in YAML, in code marks; nothing for ``None``."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and not value:
        text = '""'
    return f"`{' '.join(text.split())}`"


def heading_comment(path: Path) -> str:
    """The comment that a file begins with; its indented lines become code."""
    lines: list[str] = []
    for line in path.read_text().splitlines():
        if line.strip() in ("---", "") and not lines:
            continue
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").removeprefix(" "))
    blocks = []
    for is_code, group in itertools.groupby(lines, lambda line: line.startswith("  ")):
        words = [line.strip() for line in group]
        blocks.append("\n".join(["```bash", *words, "```"]) if is_code else " ".join(words))
    return "\n\n".join(blocks)
