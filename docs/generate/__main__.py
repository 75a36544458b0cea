"""Write every generated page, or with ``--check`` name those that are out of date."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from docs.generate import catalogue, commands, playbooks, plugins, roles, site

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = Path("docs/reference")
WRITERS = (roles.pages, plugins.pages, playbooks.pages, catalogue.pages, site.pages, commands.pages)


def pages(repository: Path) -> dict[Path, str]:
    """Every generated page: its text by its path below ``repository``."""
    return {path: text for writer in WRITERS for path, text in writer(repository).items()}


def superfluous(repository: Path, wanted: dict[Path, str]) -> list[Path]:
    """Reference pages that nothing generates any more, as paths below ``repository``."""
    present = (path.relative_to(repository) for path in (repository / REFERENCE).glob("*.md"))
    return sorted(path for path in present if path not in wanted)


def main() -> int:
    """Entry point; gives 1 when ``--check`` finds a page that is not current."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail and name the pages that are not current")
    check = parser.parse_args().check

    wanted = pages(REPOSITORY)
    stale = [path for path, text in wanted.items() if not (REPOSITORY / path).exists() or (REPOSITORY / path).read_text() != text]
    gone = superfluous(REPOSITORY, wanted)
    if check:
        for path in stale + gone:
            print(f"not current: {path}", file=sys.stderr)
        if stale or gone:
            print("run: make docs", file=sys.stderr)
        return bool(stale or gone)
    for path in stale:
        (REPOSITORY / path).parent.mkdir(parents=True, exist_ok=True)
        (REPOSITORY / path).write_text(wanted[path])
        print(f"written: {path}")
    for path in gone:
        (REPOSITORY / path).unlink()
        print(f"removed: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
