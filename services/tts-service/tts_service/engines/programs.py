"""Engines that are programs of their own."""

from __future__ import annotations

import asyncio
import io
import shutil
import subprocess
import wave

from .base import EngineError


def installed(program: str) -> str:
    """Path of a program. Raises EngineError if this image does not have it."""
    if path := shutil.which(program):
        return path
    raise EngineError(f"ENGINE {program}: the program is not installed")


def output(*command: str) -> str:
    """What a program prints, at the start. Raises EngineError if it fails."""
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineError(f"{' '.join(command)}: {error}") from error


async def run(*command: str, text: str = "") -> bytes:
    """What a program writes for `text` on its standard input. It is killed with the request that wants it.

    Raises:
        RuntimeError: the program failed.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        out, err = await process.communicate(text.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {err.decode(errors='replace')[-500:]}")
    return out


def samples(data: bytes, rate: int) -> bytes:
    """Samples of a WAV file, whose header need not know its length.

    Raises:
        RuntimeError: it is not one channel of 16 bits at `rate` Hz.
    """
    with wave.open(io.BytesIO(data)) as file:
        found = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        if found != (1, 2, rate):
            raise RuntimeError(f"channels, bytes and Hz are {found}, wanted {(1, 2, rate)}")
        return file.readframes(file.getnframes())
