"""The users of the bucket for backups."""

import pytest

from plugins.filter.minio import backup_users


def test_each_system_may_write_into_its_own_folder_alone():
    users = backup_users(["redis", "faiss_service"], "backups", ["one", "two"])
    assert [(user["name"], user["password"]) for user in users] == [("backup-redis", "one"), ("backup-faiss-service", "two")]
    assert [user["buckets"] for user in users] == [
        [{"name": "backups", "folder": name, "write": True}] for name in ("redis", "faiss-service")
    ]


def test_a_system_without_a_password_is_refused():
    with pytest.raises(ValueError, match="zip"):
        backup_users(["redis", "neo4j"], "backups", ["one"])
