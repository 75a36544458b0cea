"""The entries of a site's secrets: how they come to be and are kept.

An entry is `{kind, value}`; while it is being rotated it also has `stage`, and `previous` until that is retired. The
value is a string, `{key, public}` for a key pair, or `{key, cert, ca}` for a CA and for what it signs; `ca` is
what a client trusts.
"""

from __future__ import annotations

import base64
import secrets
import string
from typing import Any

from bootstrap.secrets import pki
from bootstrap.secrets.store import Entry, SecretStoreError

KINDS = ("password", "hex", "secretbox", "keypair", "ca", "certificate")
LAYERED = ("secretbox", "keypair", "ca")  # everybody has to know the new value before it encrypts or signs
PASSWORD_LENGTH = 32
ALPHABET = string.ascii_letters + string.digits  # safe in URLs, shells, SQL and INI files without quoting

Specification = dict[str, Any]
Lives = dict[str, float]  # of certificates: ca_days, days, renew_share, fail_days


def check(specifications: dict[str, Specification], lives: Lives) -> None:
    """Refuse specifications that cannot be met.

    Raises:
        SecretStoreError: naming the entry, what was found and what is wanted.
    """
    for name, specification in specifications.items():
        kind = specification.get("kind")
        if kind not in KINDS:
            raise SecretStoreError(f"site_secrets.{name}.kind: found {kind!r}; wanted one of {', '.join(KINDS)}.")
        if kind == "certificate":
            ca = specification.get("ca")
            if specifications.get(ca, {}).get("kind") != "ca":
                raise SecretStoreError(f"site_secrets.{name}.ca: found {ca!r}; wanted an entry of kind ca.")
            if not specification.get("sans") and not specification.get("organization"):
                raise SecretStoreError(
                    f"site_secrets.{name}.sans: found none; wanted the names that clients use (a mere client's "
                    "certificate has an organization instead)."
                )
            if specification.get("use", "member") not in pki.USES:
                raise SecretStoreError(f"site_secrets.{name}.use: found {specification['use']!r}; wanted {', '.join(pki.USES)}.")
        if kind in ("ca", "certificate"):
            days, least = _days(specification, lives), round(lives["fail_days"] / lives["renew_share"])
            if days <= least:
                raise SecretStoreError(
                    f"site_secrets.{name}.days: found {days}; wanted more than {least}, so that it is renewed before verify fails."
                )


def reconcile(specifications: dict[str, Specification], entries: dict[str, Entry], lives: Lives) -> list[str]:
    """Make the entries that are missing and sign the certificates that are due; returns the names that changed.

    Args:
        specifications: the wanted entries, checked by `check`.
        entries: the entries of the store, changed in place.
        lives: for how long certificates are made, and when they are made anew.
    """
    changed = []
    for name in sorted(specifications, key=lambda name: KINDS.index(specifications[name]["kind"])):
        specification = specifications[name]
        before = entries.get(name)
        if before is None:
            entries[name] = {"kind": specification["kind"], "value": make(specification, entries, lives)}
        elif specification["kind"] == "ca":
            entries[name] = before | {"value": before["value"] | {"ca": bundle(before)}}
        elif specification["kind"] == "certificate":
            entries[name] = before | {"value": _renewed(specification, before["value"], entries, lives)}
        if entries[name] != before:
            changed.append(name)
    return changed


def make(specification: Specification, entries: dict[str, Entry], lives: Lives) -> Any:
    """A new value of the specified kind."""
    match specification["kind"]:
        case "password":
            length = int(specification.get("length", PASSWORD_LENGTH))
            return "".join(secrets.choice(ALPHABET) for _ in range(length))
        case "hex":
            return secrets.token_hex(int(specification.get("length", 2 * PASSWORD_LENGTH)) // 2)
        case "secretbox":
            return base64.b64encode(secrets.token_bytes(32)).decode()
        case "keypair":
            key = pki.new_key()
            return {"key": key, "public": pki.public_key(key)}
        case "ca":
            ca = pki.make_ca(specification["common_name"], _days(specification, lives))
            return ca | {"ca": ca["cert"]}
        case "certificate":
            return _certificate(specification, entries[specification["ca"]], lives)


def versions(entry: Entry) -> list[Any]:
    """The values that count. The one that encrypts or signs is the first: the previous one until everybody knows its successor."""
    values = [entry[part] for part in ("value", "previous") if part in entry]
    return values[::-1] if entry.get("stage") == "introduce" else values


def bundle(ca: Entry) -> str:
    """What a client trusts: the CA's certificate, and the previous one while it is being rotated."""
    return "".join(ca[part]["cert"] for part in ("value", "previous") if part in ca)


def _certificate(specification: Specification, ca: Entry, lives: Lives) -> dict[str, str]:
    made = pki.make_certificate(versions(ca)[0], *_wanted(specification), _days(specification, lives))
    return made | {"ca": bundle(ca)}


def _renewed(specification: Specification, value: dict[str, str], entries: dict[str, Entry], lives: Lives) -> dict[str, str]:
    ca = entries[specification["ca"]]
    if pki.why_renew(value["cert"], versions(ca)[0], *_wanted(specification), lives["renew_share"]):
        return _certificate(specification, ca, lives)
    return value | {"ca": bundle(ca)}


def _wanted(specification: Specification) -> tuple:
    subject = pki.name_of(specification["common_name"], specification.get("organization", ""))
    sans = specification.get("sans", [])
    return subject, sans, specification.get("use", "member" if sans else "client")


def _days(specification: Specification, lives: Lives) -> int:
    return int(specification.get("days", lives["ca_days" if specification["kind"] == "ca" else "days"]))
