"""Connections to Kafka, and what its client only logs."""

from __future__ import annotations

import logging
import socket
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaTimeoutError, SaslAuthenticationFailedError

ADMIN = "admin"
ATTEMPTS = 5


class Refusals(logging.Handler):
    """The client goes on after a refusal until its time is over: what each attempt ended with is known from what it logs.

    `said` has the attempts; `seen`: a login was refused, or a server hung up on it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.seen = False

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith(("Bootstrap connection", "Bootstrap attempt")):
            self.said.append(record.getMessage())
        for word in record.args or ():
            self.seen = self.seen or isinstance(word, SaslAuthenticationFailedError) or "socket disconnected" in str(word)


def listen() -> Refusals:
    """Hear what the client logs from now on, in place of standard error."""
    logger, refusals = logging.getLogger("kafka"), Refusals()
    logger.handlers[:], logger.propagate = [refusals], False
    return refusals


def account(host: str, user: str | None, password: str | None) -> dict[str, Any]:
    """Arguments of a client; without a user it says nothing about who it is."""
    common = {"bootstrap_servers": host, "ssl_cafile": "/tls/ca.crt", "security_protocol": "SASL_SSL" if user else "SSL"}
    login = {"sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": user, "sasl_plain_password": password}
    return common | (login if user else {})


def login(host: str, user: str, password: str) -> KafkaAdminClient | None:
    """A connection, or None where the password is refused.

    :raises KafkaTimeoutError: nobody answers.
    """
    refusals = listen()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return KafkaAdminClient(**account(host, user, password), bootstrap_timeout_ms=3000)
        except KafkaTimeoutError:
            if refusals.seen:
                return None
            if attempt == ATTEMPTS:
                raise
    return None


def absent(host: str) -> bool:
    """Whether there is no broker of that name."""
    try:
        return not socket.getaddrinfo(host.split(":")[0], None)
    except socket.gaierror:
        return True
