"""The blocks of docs/how-to/add-a-system.md, followed word for word in a copy of this project."""

from __future__ import annotations

import re
import shutil
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PAGE = (PROJECT / "docs/how-to/add-a-system.md").read_text()
BLOCK = re.compile(r"^ *`([\w./-]+)`\n\n( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """One block of the page: a new file, or a diff without numbers for one that is there."""

    path: str
    language: str
    text: str

    @property
    def added(self):
        return sum(line.startswith("+") for line in self.text.splitlines()) if self.language == "diff" else len(self.text.splitlines())

    def follow(self, tree):
        file = tree / self.path
        if self.language != "diff":
            assert not file.exists(), f"{self.path} is there already"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.text)
            return
        lines, at = file.read_text().splitlines(), 0
        for sign, line in ((entry[:1], entry[1:]) for entry in self.text.splitlines()):
            if sign == "+":
                lines.insert(at, line)
            else:
                assert line in lines[at:], f"{self.path} has no line {line!r} where the page says so"
                at = lines.index(line, at)
                del lines[at : at + (sign == "-")]
            at += sign != "-"
        file.write_text("\n".join(lines) + "\n")


def steps(title):
    (chapter,) = [part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE) if part.startswith(title)]
    return [Step(path, language, textwrap.dedent(text)) for path, _, language, text in BLOCK.findall(chapter)]


SERVICE, DATA = steps("A stateless service"), steps("A system that keeps data")


def copy(tree):
    """What git knows of this project, as it stands, in the folder `tree`."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (PROJECT / name).exists():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, tree / name, follow_symlinks=False)
