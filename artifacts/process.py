"""Run programs: none is left behind by an interrupted run, and none depends on whose shell it was."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from artifacts.store import ArtifactError

# Settings of the caller's Python stay outside: by them, Debian's packages would put compiled modules elsewhere than beside their sources.
OUTSIDE = "PYTHON"
_running: set[subprocess.Popen[bytes]] = set()
_guard = threading.Lock()
_stop_reason: list[str] = []


def run(command: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
    """Run a command to its end, its output appended to ``log``.

    Raises ArtifactError with the last lines of the output when it fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        stream.write(f"$ {' '.join(map(str, command))}\n".encode())
        stream.flush()
        with _guard:
            if _stop_reason:
                raise ArtifactError(_stop_reason[0])
            process = subprocess.Popen(
                [str(word) for word in command],
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=_environment(env),
                umask=0o022,  # what is made is for others to read
                cwd=cwd,
                start_new_session=True,  # a group of its own, which stop_all() ends as a whole
            )
            _running.add(process)
        try:
            code = process.wait()
        finally:
            _running.discard(process)
    if code and _stop_reason:
        raise ArtifactError(_stop_reason[0])
    if code:
        raise ArtifactError(f"{command[0]} ended with {code}; whole output: {log}\n{tail(log)}")


def output(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> str:
    """What a short command prints. Raises ArtifactError with its own words when it fails, FileNotFoundError when it is not there."""
    words = [str(word) for word in command]
    silent = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    result = subprocess.run(words, env=_environment(env), check=False, **silent)
    if result.returncode:
        raise ArtifactError(f"{' '.join(words[:2])} ended with {result.returncode}: {result.stderr.strip()}")
    return result.stdout.strip()


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def stop_all(reason: str) -> None:
    """End every program that ``run`` started and let no new one start; each fails with ``reason``."""
    with _guard:
        _stop_reason.append(reason)
        for process in list(_running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def _environment(env: Mapping[str, str] | None) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(OUTSIDE)} | dict(env or {})
