"""The findings as a table for people and as a file for machines."""

from __future__ import annotations

import json
import os
import tempfile
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COLUMNS = ("check", "target", "result", "seconds", "detail")
_WIDEST = {"target": 52, "detail": 90}


def normalised(finding: dict[str, Any]) -> dict[str, Any]:
    """A record of this report from what a system's own checks give: ``{system, check, ok, found}``."""
    if "result" in finding:
        return finding
    result = "ok" if finding["ok"] else "failed"
    named = {"check": finding["system"], "target": finding["check"]}
    return {**named, "result": result, "seconds": finding.get("seconds", 0.0), "detail": finding["found"]}


def table(findings: Sequence[dict[str, Any]]) -> str:
    """One line a finding that is well, as many as it takes for one that is not."""
    rows = [COLUMNS]
    for finding in findings:
        texts = [" ".join(str(finding[column]).split()) for column in COLUMNS]
        short = finding["result"] == "ok"
        rows.append(tuple(_cut(text, column) if short else text for text, column in zip(texts, COLUMNS, strict=True)))
    widths = [min(max(len(row[i]) for row in rows), _WIDEST.get(COLUMNS[i], 24)) for i in range(len(COLUMNS))]
    lines = [line for row in rows for line in _wrapped(row, widths)]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _cut(text: str, column: str) -> str:
    width = _WIDEST.get(column, len(text))
    return text if len(text) <= width else f"{text[: width - 2]} …"


def _wrapped(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    cells = [textwrap.wrap(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
    height = max(len(cell) for cell in cells)
    padded = [cell + [""] * (height - len(cell)) for cell in cells]
    return ["  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip() for line in zip(*padded, strict=True)]


def summary(findings: Sequence[dict[str, Any]]) -> str:
    """``12 of 13 checks are well; failed: dns``"""
    failed = sorted({finding["check"] for finding in findings if finding["result"] != "ok"})
    well = sum(finding["result"] == "ok" for finding in findings)
    return f"{well} of {len(findings)} findings are well" + (f"; failed: {', '.join(failed)}" if failed else "")


def write(path: Path, findings: Sequence[dict[str, Any]]) -> None:
    """Replace the report file. Its keys: time (UTC), ok, passed, failed, findings."""
    passed = sum(finding["result"] == "ok" for finding in findings)
    content = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "ok": passed == len(findings) and passed > 0,
        "passed": passed,
        "failed": len(findings) - passed,
        "findings": list(findings),
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as stream:
        stream.write(json.dumps(content, indent=1) + "\n")
    Path(temporary).replace(path)
