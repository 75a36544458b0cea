"""Filters for MinIO."""

from __future__ import annotations


def backup_users(systems: list[str], bucket: str, passwords: list[str]) -> list[dict]:
    """The users by whom systems store their backups, as `minio_users` has them: each reaches the system's folder alone.

    Args:
        systems: roles of the systems; the folders are called as they are, with hyphens.
        bucket: where their backups are.
        passwords: one for each of them.
    """
    return [
        {"name": f"backup-{name}", "password": password, "buckets": [{"name": bucket, "folder": name, "write": True}]}
        for name, password in zip((system.replace("_", "-") for system in systems), passwords, strict=True)
    ]


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self):
        return {"backup_users": backup_users}
