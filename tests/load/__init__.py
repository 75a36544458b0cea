"""How fast the services answer: `make load`. Its programs run in pods."""

from pathlib import Path

PROGRAMS = {path.stem: path for path in (Path(__file__).parent / "programs").glob("*.py")}
