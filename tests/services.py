"""The tests of `services/`: one environment for all of them, made once for a lock file, and a process for each service."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from artifacts.store import Store, locked

SERVICES = Path(__file__).parents[1] / "services"
LOCK, OVERRIDES = SERVICES / "requirements-test.txt", SERVICES / "overrides-test.txt"


def names() -> list[str]:
    """What has tests in Python: services, and the packages that they share."""
    return sorted({path.parents[1].name for path in SERVICES.glob("*/tests/test_*.py")})


def _folder() -> Path:
    key = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    return Store.default().root / "services-venv" / key


def environment() -> str:
    """Make the environment that the lock file says, in the store, where it is not there, in place of older ones; gives its folder.

    Raises CalledProcessError where a package cannot be had.
    """
    folder = _folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / "lock", "another run makes the environment of the services' tests"):
        if not (folder / "whole").exists():
            for old in folder.parent.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            uv = Path(sys.executable).parent / "uv"
            subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
            command = [
                uv,
                "pip",
                "install",
                "--quiet",
                "--no-cache",
                "--python",
                folder,
                "--require-hashes",
                "--no-deps",
                "--requirement",
                LOCK,
            ]
            subprocess.run(command, check=True)
            (folder / "whole").touch()
    return str(folder)


def test(name: str) -> int:
    """Run the tests of one service; gives pytest's exit code."""
    shared = [path.parent.parent for path in SERVICES.glob("*/voicehelper_*/__init__.py")]
    paths = os.pathsep.join(map(str, [*shared, SERVICES / name]))
    command = [_folder() / "bin" / "python", "-m", "pytest", "-q", "-c", "../pytest.ini", "tests"]
    return subprocess.run(command, cwd=SERVICES / name, env={**os.environ, "PYTHONPATH": paths}, check=False).returncode


def main() -> int:
    """All of them, or those that are named; the exit code is 1 if one failed."""
    environment()
    chosen = sys.argv[1:] or names()
    failed = [name for name in chosen if test(name)]
    if failed:
        print(f"failed: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
