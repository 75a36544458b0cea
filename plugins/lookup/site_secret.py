"""Lookup site_secret: the value of a site's secret."""

from __future__ import annotations

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from bootstrap.secrets.entries import versions
from bootstrap.secrets.store import SecretStore

DOCUMENTATION = r"""
name: site_secret
short_description: The value of a site's secret
description:
  - Reads a secret that the module M(site_secrets) made. In check mode a secret that does not exist yet gives a
    placeholder of the same shape, so that a first run can be checked.
options:
  _terms:
    description: Names in the table O(site_secrets).
    required: true
  path:
    description: The encrypted file.
    type: str
    vars: [{name: site_secrets_file}]
    required: true
  site_secrets:
    description: The table of the site's secrets.
    type: dict
    vars: [{name: site_secrets}]
    default: {}
  previous:
    description: The value before the rotation that is going on; the current one when there is none.
    type: bool
    default: false
  every:
    description: All values that count, which are two during a rotation. The one that signs or encrypts is the first.
    type: bool
    default: false
author: VoiceHelper
"""

RETURN = r"""
_raw:
  description: A string, C({key, public}) for a key pair, or C({key, cert, ca}) for a CA and a certificate.
  type: list
  elements: raw
"""

PLACEHOLDER = "made-at-the-first-run"
_opened: dict = {}  # (file, its inode, its time) → entries, so that a template opens the vault once


class LookupModule(LookupBase):
    """Reads secrets on the controller."""

    def run(self, terms, variables=None, **kwargs):
        """The values of the named secrets.

        Raises:
            AnsibleLookupError: a name is not in the table, or its secret has not been made.
            SecretStoreError: the file cannot be opened.
        """
        self.set_options(var_options=variables, direct=kwargs)
        path = self._templar.template(self.get_option("path"))  # an option from a variable comes as it is written
        table = self.get_option("site_secrets")
        entries = self._entries(path)
        checking = (variables or {}).get("ansible_check_mode", False)
        return [value for name in terms for value in self._values(name, table, entries, path, checking)]

    def _entries(self, path):
        store = SecretStore(path, self._loader._vault)
        try:
            status = store.path.stat()
        except OSError:
            return store.load()
        key = (path, status.st_ino, status.st_mtime_ns)
        if key not in _opened:
            _opened.clear()
            _opened[key] = store.load()
        return _opened[key]

    def _values(self, name, table, entries, path, checking):
        if name not in table:
            raise AnsibleLookupError(f"site_secret: found no {name!r} in site_secrets; wanted one of {sorted(table)}.")
        if entry := entries.get(name):
            if self.get_option("every"):
                return versions(entry)
            return [entry.get("previous", entry["value"]) if self.get_option("previous") else entry["value"]]
        if not checking:
            raise AnsibleLookupError(f"site_secret: {name!r} is not in {path} yet; the tag 'secrets' makes it.")
        parts = {"ca": ("key", "cert", "ca"), "certificate": ("key", "cert", "ca"), "keypair": ("key", "public")}
        shape = parts.get(table[name]["kind"])
        return [dict.fromkeys(shape, PLACEHOLDER) if shape else PLACEHOLDER]
