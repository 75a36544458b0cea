"""Connections to members of the cluster."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def member(host: str, port: int, user: str, password: str, timeout: float, connect_timeout: float | None = None, retries: int = 0) -> Any:
    """A client of one member, by TLS.

    :param timeout: seconds for an answer, and for a connection where `connect_timeout` says nothing else.
    :param retries: how often it asks again.
    """
    return redis.Redis(
        host=host,
        port=port,
        username=user,
        password=password,
        ssl=True,
        socket_timeout=timeout,
        socket_connect_timeout=connect_timeout or timeout,
        decode_responses=True,
        retry=Retry(NoBackoff(), retries),
    )


def table(flat: Any) -> dict[str, Any]:
    """What Redis lists as name, value, name, value, or the library has made a table of."""
    return dict(zip(flat[::2], flat[1::2], strict=True)) if isinstance(flat, list) else flat


def redis_cli(password: str, *arguments: str) -> str:
    """What redis-cli says; its password comes in the environment.

    :raises subprocess.CalledProcessError: it failed.
    """
    line = ["redis-cli", "--tls", "--cacert", os.environ["SSL_CERT_FILE"], *arguments]
    environment = {**os.environ, "REDISCLI_AUTH": password}
    return subprocess.run(line, env=environment, text=True, capture_output=True, check=True).stdout


def said(error: subprocess.CalledProcessError) -> str:
    """The end of what a program that failed said."""
    return f"{error.stdout}{error.stderr}".strip()[-1000:]
