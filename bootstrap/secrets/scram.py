"""SCRAM-SHA-256 verifiers as PostgreSQL keeps them (RFC 5803): what proves a password without being one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

ITERATIONS = 4096
_SALT_BYTES = 16
_PREFIX = "SCRAM-SHA-256$"


def verifier(password, salt=None, iterations=ITERATIONS):
    """`SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>` for an ASCII password (others would need SASLprep).

    :param salt: bytes, random by default.
    """
    salt = salt or secrets.token_bytes(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    stored = hashlib.sha256(_mac(salted, b"Client Key")).digest()
    return f"{_PREFIX}{iterations}:{_text(salt)}${_text(stored)}:{_text(_mac(salted, b'Server Key'))}"


def matches(password, found):
    """True when the verifier that a server holds is one of this password."""
    if not (found or "").startswith(_PREFIX):
        return False
    iterations, _, salt = found.removeprefix(_PREFIX).split("$")[0].partition(":")
    return hmac.compare_digest(found, verifier(password, base64.b64decode(salt), int(iterations)))


def _mac(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


def _text(value):
    return base64.b64encode(value).decode()
