"""The picture of a terminal that shows playbooks/status.yml, made of what a run of it printed.

ANSIBLE_FORCE_COLOR=1 lab run playbooks/status.yml | python -m docs.generate.terminal > docs/images/status.svg
"""

from __future__ import annotations

import re
import sys
from html import escape

from rich.console import Console
from rich.style import Style
from rich.text import Text

SCREEN = re.compile(r"^node  .*?(?=\s*^(ok|fatal|\[ERROR\]))", re.MULTILINE | re.DOTALL)
COMMAND = "ansible-playbook playbooks/status.yml -i inventories/lab"
CELL, LINE, MARGIN = 8.45, 19, 18  # width and height of a character, and the edge, for a font of 14
CLASSES = {1: "red", 2: "green", 3: "yellow"}  # by the number of the terminal's colour
PAGE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="title description">
  <title id="title">One screen</title>
  <desc id="description">What playbooks/status.yml shows: nodes, systems, certificates, and what needs doing.</desc>
  <style>
    .screen {{ fill: #171e26; stroke: #3a4654 }}
    text    {{ fill: #dbe2ea; font: 14px ui-monospace, 'DejaVu Sans Mono', monospace }}
    .dim    {{ fill: #8a97a8 }}
    .red    {{ fill: #ff7b72; font-weight: bold }}
    .green  {{ fill: #5cba8a }}
    .yellow {{ fill: #dca64a }}
  </style>
  <rect class="screen" x="0.5" y="0.5" width="{right}" height="{bottom}" rx="8"/>
{texts}
</svg>
"""


def picture(printed: str) -> str:
    """The screen in a run's output as an SVG. Raises ValueError where there is none."""
    said = Text.from_ansi(printed)
    found = SCREEN.search(said.plain)
    if not found:
        raise ValueError("found no screen of playbooks/status.yml in what was printed, wanted the output of a run")
    lines = [Text(f"$ {COMMAND}"), Text(), *said[found.start() : found.end()].split("\n")]
    texts = [text for number, line in enumerate(lines, 1) for text in _texts(line, number)]
    width, height = max(len(line.plain.rstrip()) for line in lines) * CELL + 2 * MARGIN, (len(lines) + 0.4) * LINE + MARGIN
    return PAGE.format(
        width=f"{width:.0f}", height=f"{height:.0f}", right=f"{width - 1:.0f}", bottom=f"{height - 1:.0f}", texts="\n".join(texts)
    )


def _texts(line: Text, number: int) -> list[str]:
    """What stands in each column has its place, so that columns are straight in any font."""
    console, texts = Console(), []
    for cell in re.finditer(r"\S+(?: \S+)*", line.plain):
        parts = [(segment.text, _class(segment.style)) for segment in line[cell.start() : cell.end()].render(console)]
        spans = "".join(f'<tspan class="{name}">{escape(text)}</tspan>' if name else escape(text) for text, name in parts)
        texts.append(f'  <text x="{MARGIN + cell.start() * CELL:.1f}" y="{MARGIN + (number - 0.4) * LINE:.1f}">{spans}</text>')
    return texts


def _class(style: Style | None) -> str:
    if not style:
        return ""
    return "dim" if style.dim else CLASSES.get(style.color.number or 0, "") if style.color else ""


if __name__ == "__main__":
    try:
        sys.stdout.write(picture(sys.stdin.read()))
    except ValueError as error:
        sys.exit(str(error))
