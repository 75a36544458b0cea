"""The secrets of a site: one file, encrypted by ansible-vault, and the rules by which its entries come, turn and go.

An entry is `{kind, value}`; while it is being rotated it also has `previous`, and an authority that signs already has
`adopted`. The value is a string, `{key, public}` for a key pair, or `{key, cert, ca}` for an authority and for what it
signs; `ca` is what a client trusts.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import string
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.module_utils import site_pki

KINDS = ("password", "hex", "secretbox", "keypair", "ca", "certificate")
PASSWORD_LENGTH = 32
ALPHABET = string.ascii_letters + string.digits  # safe in URLs, shells, SQL and INI files without quoting

Entry = dict[str, Any]
Specification = dict[str, Any]


class SecretStoreError(AnsibleError):
    """The file or a specification is not what it must be; the text names both and holds no secret."""


class SecretStore:
    """The encrypted file.

    Args:
        path: the file; its folder is made with mode 0700.
        vault: the VaultLib of the running play.
    """

    def __init__(self, path: str | Path, vault: Any) -> None:
        self.path = Path(path)
        self.vault = vault

    def load(self) -> dict[str, Entry]:
        """All entries by name, none when the file does not exist.

        Raises:
            SecretStoreError: it cannot be read, is not encrypted, or the vault password does not open it.
        """
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._wrong(error.strerror, "a file that this user can read") from error
        if not self.vault.is_encrypted(text):
            raise self._wrong("plain text", "a file encrypted by ansible-vault (encrypt it, or move it away)")
        try:
            entries = yaml.safe_load(self.vault.decrypt(text))
        except (AnsibleError, yaml.YAMLError):
            raise self._wrong(
                "a vault that this vault password does not open",
                "the password that it was made with; VOICEHELPER_VAULT_PASSWORD_FILE names the file that holds it",
            ) from None  # the cause may quote what it read
        if not isinstance(entries, dict):
            raise self._wrong("no table", "a table of entries by name")
        return entries

    def save(self, entries: dict[str, Entry]) -> None:
        """Replace the whole file at once, mode 0600.

        Raises:
            SecretStoreError: the folder cannot be written.
        """
        plain = json.loads(json.dumps(entries))  # without the tags that Ansible gives to values
        text = yaml.safe_dump(plain, sort_keys=True, width=1000)
        try:
            self._make_folder()
            with tempfile.NamedTemporaryFile(dir=self.path.parent, prefix=f".{self.path.name}-", delete=False) as new:
                try:
                    new.write(self.vault.encrypt(text))
                    new.flush()
                    os.fsync(new.fileno())
                    Path(new.name).replace(self.path)
                except BaseException:
                    Path(new.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise self._wrong(error.strerror, "a folder that this user can write") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs from changing the file meanwhile.

        Raises:
            SecretStoreError: the folder cannot be written.
        """
        try:
            self._make_folder()
            lock = os.open(self.path.parent, os.O_RDONLY)
        except OSError as error:
            raise self._wrong(error.strerror, "a folder that this user can write") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _make_folder(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _wrong(self, found: str, wanted: str) -> SecretStoreError:
        return SecretStoreError(f"Secrets file {self.path}: found {found}; wanted {wanted}.")


def check(specifications: dict[str, Specification]) -> None:
    """Refuse specifications that cannot be met.

    Raises:
        SecretStoreError: naming the entry, what was found and what is wanted.
    """
    for name, specification in specifications.items():
        kind = specification.get("kind")
        if kind not in KINDS:
            raise SecretStoreError(f"site_secrets.{name}.kind: found {kind!r}; wanted one of {', '.join(KINDS)}.")
        if kind == "certificate":
            authority = specification.get("ca")
            if specifications.get(authority, {}).get("kind") != "ca":
                raise SecretStoreError(f"site_secrets.{name}.ca: found {authority!r}; wanted an entry of kind ca.")
            if not specification.get("sans") and not specification.get("organization"):
                raise SecretStoreError(
                    f"site_secrets.{name}.sans: found none; wanted the names that clients use (a mere client's "
                    "certificate has an organization instead)."
                )
        if kind in ("ca", "certificate"):
            days, least = _days(specification, site_pki.CERTIFICATE_DAYS), site_pki.RENEW_BEFORE_DAYS
            if days <= least:
                raise SecretStoreError(f"site_secrets.{name}.days: found {days}; wanted more than {least}.")


def reconcile(specifications: dict[str, Specification], entries: dict[str, Entry]) -> list[str]:
    """Make the entries that are missing and sign the certificates that are due; returns the names that changed.

    Args:
        specifications: the wanted entries, checked by `check`.
        entries: the entries of the store, changed in place.
    """
    changed = []
    for name in sorted(specifications, key=lambda name: KINDS.index(specifications[name]["kind"])):
        specification = specifications[name]
        before = entries.get(name)
        if before is None:
            entries[name] = {"kind": specification["kind"], "value": make(specification, entries)}
        elif specification["kind"] == "ca":
            entries[name] = before | {"value": before["value"] | {"ca": bundle(before)}}
        elif specification["kind"] == "certificate":
            entries[name] = before | {"value": _renewed(specification, before["value"], entries)}
        if entries[name] != before:
            changed.append(name)
    return changed


def rotate(step: str, names: list[str], specifications: dict[str, Specification], entries: dict[str, Entry]) -> None:
    """One step of the rotation of some entries, changed in place; every step may be repeated.

    Args:
        step: `introduce` makes the new value and keeps the previous one; `adopt` lets a new authority sign, now that
            everything trusts it; `retire` forgets the previous value.
    """
    for name in names:
        entry = entries[name]
        if step == "introduce" and "previous" not in entry:
            entry |= {"value": make(specifications[name], entries), "previous": entry["value"]}
            if entry["kind"] == "ca":
                entry["value"]["ca"] = bundle(entry)
        elif step == "adopt" and entry["kind"] == "ca" and "previous" in entry:
            entry["adopted"] = True
        elif step == "retire":
            entry.pop("previous", None)
            entry.pop("adopted", None)


def make(specification: Specification, entries: dict[str, Entry]) -> Any:
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
            key = site_pki.new_key()
            return {"key": key, "public": site_pki.public_key(key)}
        case "ca":
            authority = site_pki.make_ca(specification["common_name"], _days(specification, site_pki.CA_DAYS))
            return authority | {"ca": authority["cert"]}
        case "certificate":
            return _certificate(specification, entries[specification["ca"]])


def bundle(authority: Entry) -> str:
    """What a client trusts: the authority's certificate, and the previous one while it is being rotated."""
    return "".join(authority[part]["cert"] for part in ("value", "previous") if part in authority)


def _signer(authority: Entry) -> dict[str, str]:
    """The authority that signs now: the previous one until everything trusts its successor."""
    return authority["value"] if authority.get("adopted") else authority.get("previous", authority["value"])


def _certificate(specification: Specification, authority: Entry, key: str | None = None) -> dict[str, str]:
    days = _days(specification, site_pki.CERTIFICATE_DAYS)
    names = _names(specification)
    return site_pki.make_certificate(_signer(authority), *names, days, key) | {"ca": bundle(authority)}


def _renewed(specification: Specification, value: dict[str, str], entries: dict[str, Entry]) -> dict[str, str]:
    authority = entries[specification["ca"]]
    names = _names(specification)
    if site_pki.why_renew(value["cert"], _signer(authority), *names):
        return _certificate(specification, authority, key=value["key"])
    return value | {"ca": bundle(authority)}


def _names(specification: Specification) -> tuple:
    subject = site_pki.name_of(specification["common_name"], specification.get("organization", ""))
    return subject, specification.get("sans", [])


def _days(specification: Specification, default: int) -> int:
    return int(specification.get("days", default))
