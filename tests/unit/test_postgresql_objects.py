"""Declared users and databases: what is done to a server in which state."""

from __future__ import annotations

import base64
import json

import pytest

from bootstrap.postgresql.server import Server, database_statements, statements, user_statements
from bootstrap.secrets.scram import matches, verifier

USER = {
    "name": "voicehelper",
    "password": "secret",
    "member_of": [],
    "executes": [],
    "sees_all_rows": False,
    "connection_limit": None,
    "create": True,
}


def state(**changes):
    return {"verifier": verifier("secret"), "login": True, "limit": -1, "sees_all_rows": False, "member_of": [], "executes": []} | changes


def actions(pairs):
    return [action for action, _ in pairs]


def test_verifier_is_the_one_of_the_rfc():
    """The exchange of RFC 7677, section 3."""
    found = verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)
    keys = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    assert found == f"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==${keys}"


@pytest.mark.parametrize("found", [None, "", "md5abc", verifier("other")])
def test_another_password_does_not_match(found):
    assert not matches("secret", found)


def test_nothing_to_do_for_a_user_as_declared():
    assert user_statements(USER, state()) == []


def test_a_missing_user_is_made_without_its_password_in_plain_text():
    ((action, sql),) = user_statements(USER, None)
    assert action == "CREATE ROLE voicehelper"
    assert "secret" not in sql


def test_a_missing_user_that_somebody_else_makes_is_left_alone():
    assert user_statements(USER | {"create": False}, None) == []


@pytest.mark.parametrize(
    ("wanted", "found", "done"),
    [
        ({"password": "new"}, {}, "ALTER ROLE voicehelper PASSWORD"),
        ({"connection_limit": 5}, {}, "ALTER ROLE voicehelper CONNECTION LIMIT 5"),
        ({"member_of": ["pg_monitor"]}, {}, "GRANT pg_monitor TO voicehelper"),
        ({"sees_all_rows": True}, {}, "ALTER ROLE voicehelper BYPASSRLS"),
        ({"executes": ["pg_switch_wal()"]}, {}, "GRANT pg_switch_wal() TO voicehelper"),
        ({}, {"member_of": ["pg_read_all_data"]}, "REVOKE pg_read_all_data FROM voicehelper"),
        ({}, {"executes": ["pg_switch_wal()"]}, "REVOKE pg_switch_wal() FROM voicehelper"),
        ({}, {"sees_all_rows": True}, "ALTER ROLE voicehelper NOBYPASSRLS"),
    ],
)
def test_only_the_difference_is_changed(wanted, found, done):
    assert actions(user_statements(USER | wanted, state(**found))) == [done]


def test_a_user_that_somebody_else_makes_keeps_what_it_may_do():
    assert user_statements(USER | {"create": False}, state(member_of=["pg_monitor"], executes=["pg_ls_dir(text)"])) == []


def test_a_user_that_an_operator_locked_out_stays_locked_out():
    assert user_statements(USER, state(login=False)) == []


@pytest.mark.parametrize("found", [None, state(verifier=None)])
def test_a_user_without_a_password_gets_none(found):
    assert not [sql for _, sql in user_statements(USER | {"password": None}, found) if "PASSWORD" in sql]


def test_who_may_connect_is_only_added_to():
    database = {"name": "app", "owner": "voicehelper", "connect": ["backup"]}
    found = {"owner": "voicehelper", "public": False, "connect": ["voicehelper", "other"]}
    assert actions(database_statements(database, found)) == ["GRANT CONNECT ON app TO backup"]


def test_a_new_database_is_closed_to_others():
    found = actions(database_statements({"name": "app", "owner": "voicehelper", "connect": []}, None))
    assert found == ["CREATE DATABASE app", "REVOKE ALL ON DATABASE app FROM PUBLIC"]


def test_names_are_quoted():
    ((_, sql),) = user_statements(USER | {"name": 'odd"name'}, None)
    assert sql.startswith('CREATE ROLE "odd""name" LOGIN')


def test_nothing_that_is_not_declared_is_touched():
    found = {"roles": {"voicehelper": state(), "other": state()}, "databases": {"other": {"owner": "other", "public": True}}}
    assert statements([USER], [], found) == []


def member(name, role, **status):
    meta = {"name": name, "labels": {"app": "postgres", "role": role}, "annotations": {"status": json.dumps(status)}}
    return {"metadata": meta, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr("bootstrap.postgresql.server.KubeApi", lambda kubeconfig: None)
    return Server("kubeconfig", "kubectl", "space", {"app": "postgres"}, {"role": "leader"}, "postgres")


def test_the_leader_restarts_before_its_replicas(server, monkeypatch):
    pods = [member("a", "replica", pending_restart=True), member("b", "leader", pending_restart=True), member("c", "replica")]
    monkeypatch.setattr(server, "_members", lambda: pods)
    assert server.find_leader(0) == "b"
    assert server.waiting() == ["b", "a"]


def test_without_a_leader_there_is_nobody_to_speak_to(server, monkeypatch):
    monkeypatch.setattr(server, "_members", lambda: [member("a", "replica")])
    assert server.find_leader(0) is None
