"""The file of a site's secrets, encrypted by ansible-vault. What its entries are stands in entries.py."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError

Entry = dict[str, Any]


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
