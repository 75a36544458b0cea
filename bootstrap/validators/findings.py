"""A finding, and the table that shows all of them at once."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable
from dataclasses import dataclass

HEADINGS = ("host", "what", "found", "wanted")
WIDEST = {"found": 44, "wanted": 64}


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    `host` is an inventory name or "site"; `what` a variable or fact; `remedy` a sentence that says what to do.
    `check` names the rule, so that a site can tolerate it by name; `fatal` findings end the run.
    """

    host: str
    what: str
    found: str
    wanted: str
    remedy: str = ""
    check: str = ""
    fatal: bool = True

    def cells(self) -> tuple[str, str, str, str]:
        """The table row."""
        rule = f" [{self.check}]" if self.check else ""
        return self.host, self.what, self.found, ". ".join(part for part in (self.wanted, self.remedy) if part) + rule


def tolerate(findings: Iterable[Finding], checks: Collection[str]) -> list[Finding]:
    """The findings without those of the rules that the site has accepted by name."""
    return [finding for finding in findings if finding.check not in checks]


def table(findings: Iterable[Finding]) -> str:
    """An aligned text table, one finding a row, long cells wrapped."""
    rows = [HEADINGS, *(finding.cells() for finding in findings)]
    wrapped = [[_wrap(cell, heading) for cell, heading in zip(row, HEADINGS, strict=True)] for row in rows]
    widths = [max(len(line) for row in wrapped for line in row[column]) for column in range(len(HEADINGS))]
    lines = []
    for number, row in enumerate(wrapped):
        for index in range(max(len(cell) for cell in row)):
            parts = (cell[index] if index < len(cell) else "" for cell in row)
            lines.append("  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip())
        if number == 0:
            lines.append("  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _wrap(cell: str, heading: str) -> list[str]:
    """The lines of one cell; a path or address is never broken."""
    width = WIDEST.get(heading, 40)
    return textwrap.wrap(str(cell), width, break_long_words=False, break_on_hyphens=False) or [""]


def headline(findings: Collection[Finding], about: str) -> str:
    """One line: how many findings there are about what."""
    fatal = sum(finding.fatal for finding in findings)
    counts = [f"{fatal} to mend" if fatal else "", f"{len(findings) - fatal} to know" if len(findings) > fatal else ""]
    return f"{about}: {', '.join(filter(None, counts)) or 'nothing to mend'}"


def report(findings: Iterable[Finding]) -> str:
    """The tables: what ends the run first, then what the operator should know."""
    ordered = sorted(findings, key=lambda finding: (finding.host, finding.what))
    parts = {
        "To mend:": [finding for finding in ordered if finding.fatal],
        "To know (the run goes on):": [finding for finding in ordered if not finding.fatal],
    }
    return "\n\n".join(f"{title}\n{table(part)}" for title, part in parts.items() if part)
