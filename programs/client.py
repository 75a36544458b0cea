"""What the clients for verification have alike: a client does what its argument names, and says what it found."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def chosen(modes: Mapping[str, T]) -> T:
    """The one that the first argument names."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in modes:
        sys.exit(f"found {name!r} as the argument; wanted one of {', '.join(modes)}")
    return modes[name]


def plaintext(host: str, port: int, request: bytes, answers: tuple[bytes, ...], greeted: bool = False) -> None:
    """Send a request without encryption, straight to the socket.

    :param answers: a server that says any of them took it.
    :param greeted: the server speaks first.
    :raises SystemExit: it did not.
    """
    with socket.create_connection((host, port), 5) as link:
        link.settimeout(5)
        if greeted:
            link.recv(4096)
        link.sendall(request)
        answer = link.recv(4096)
    if not any(word in answer for word in answers):
        raise SystemExit(f"no answer in plain text, the connection was closed ({len(answer)} bytes)")
