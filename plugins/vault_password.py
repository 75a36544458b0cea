#!/usr/bin/env python3
"""Print the vault password of this controller; make a strong one at the first use.

The file is `$VOICEHELPER_VAULT_PASSWORD_FILE`, or `vault-password` in `${XDG_CONFIG_HOME:-~/.config}/voicehelper`.
It opens every site's secrets that were made here: keep a copy of it away from this machine.
"""

import os
import secrets
import sys
import tempfile
from pathlib import Path


def password_file() -> Path:
    """Where the password stands on this controller."""
    named = os.environ.get("VOICEHELPER_VAULT_PASSWORD_FILE")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return Path(named).expanduser() if named else config / "voicehelper" / "vault-password"


def make(path: Path) -> None:
    """Write a new password (256 random bits, mode 0600), unless another process was faster.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".vault-password-") as new:  # mode 0600
        new.write(secrets.token_urlsafe(32) + "\n")
        new.flush()
        os.fsync(new.fileno())
        try:
            os.link(new.name, path)
        except FileExistsError:
            return


def read(path: Path) -> str:
    """The password in the file.

    Raises:
        OSError: the file cannot be read.
        ValueError: others may read it, or it holds nothing.
    """
    if path.is_file() and path.stat().st_mode & 0o077:
        raise ValueError(f"others may read it (mode {path.stat().st_mode & 0o777:04o}); wanted: mode 0600")
    password = path.read_text(encoding="utf-8").strip()
    if not password:
        raise ValueError("found an empty file; wanted: one line with the vault password")
    return password


def main() -> int:
    """Print the password; on failure say which file is wrong and how to name another one."""
    path = password_file()
    try:
        if not path.exists():
            make(path)
        print(read(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        print(f"Vault password file {path}: {reason}. VOICEHELPER_VAULT_PASSWORD_FILE names another.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
