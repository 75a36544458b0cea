"""Which Secrets of the cluster follow from a site's secrets, and which places are refused."""

import pytest

from bootstrap.secrets.objects import secret_objects
from bootstrap.secrets.rotation import roles
from bootstrap.secrets.store import SecretStoreError

NAMED = {"kind": "password", "objects": ["app/others/BOSS_PASSWORD"], "user": "boss"}
NAMELESS = {"kind": "password", "objects": ["app/others/TURN_PASSWORD"], "user": ""}
LOGIN = {"kind": "password", "objects": ["storage/login/password", "app/all/DB_PASSWORD"], "consumers": ["db"]}
WANTED = {
    "login": LOGIN,
    "pair": {"kind": "certificate", "objects": ["storage/db-tls"]},
    "bucket": {"kind": "password", "objects": ["storage/backup-db-s3/secret-key"]},
    "own": {"kind": "password"},
    "named": NAMED,
    "nameless": NAMELESS,
}


def test_secrets_have_their_keys_and_the_users_beside_them():
    assert secret_objects(WANTED, "voicehelper") == {
        "login": {"namespace": "storage", "secrets": {"password": "login"}},
        "all": {"namespace": "app", "secrets": {"DB_PASSWORD": "login"}, "plain": {"DB_USER": "voicehelper"}},
        "db-tls": {"namespace": "storage", "certificate": "pair"},
        "others": {"namespace": "app", "secrets": {"BOSS_PASSWORD": "named", "TURN_PASSWORD": "nameless"}, "plain": {"BOSS_USER": "boss"}},
        "backup-db-s3": {"namespace": "storage", "secrets": {"secret-key": "bucket"}, "plain": {"access-key": "backup-db"}},
    }


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("password", "storage/login"),  # no key
        ("password", "storage"),
        ("password", "storage/login/password"),  # taken
        ("password", "app/login/other"),  # another namespace than the rest of it
        ("password", "storage/db-tls/other"),  # a certificate's
        ("certificate", "storage/other/tls"),  # a key
        ("certificate", "storage/login"),  # not its own
        ("certificate", "storage/db-tls"),
    ],
)
def test_a_place_that_cannot_be_is_refused(kind, place):
    with pytest.raises(SecretStoreError, match=f"site_secrets.new.objects: found {place}; wanted namespace/Secret"):
        secret_objects({**WANTED, "new": {"kind": kind, "objects": [place]}}, "voicehelper")


def test_the_secrets_are_handed_out_before_a_role_brings_what_is_in_them_further():
    assert roles(LOGIN, "consumers") == ["platform_secrets", "db"]
    assert roles(LOGIN, "node_consumers") == []
    assert roles({"kind": "password", "objects": ["storage/login/password"]}, "consumers") == []  # it is not rotated
    assert roles({"kind": "password", "consumers": ["db"]}, "consumers") == ["db"]
