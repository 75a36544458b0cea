"""What MinIO is declared to hold: what is done to a cluster in which state. Answers are those of mc."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from programs import waiting
from programs.minio import objects as program
from programs.protocol import Absent


class Mc:
    """Stands for mc: answers from a table by the first words that match, notes everything else."""

    def __init__(self, answers):
        self.answers, self.calls = answers, []

    def __call__(self, *words, given=None, user=None):
        for start, answer in self.answers.items():
            if " ".join(words).startswith(start):
                if isinstance(answer, Exception):
                    raise answer
                return answer
        self.calls.append((" ".join(words), given))
        return []


def done(changes):
    """Names of the changes; each is carried out."""
    names = []
    for name, how in changes:
        how()
        names.append(name)
    return names


BUCKET = {"name": "data", "versioning": True, "keep_versions": 30}
VERSIONS = {
    "ID": "versions",
    "Status": "Enabled",
    "Expiration": {"ExpiredObjectDeleteMarker": True},
    "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
}
USER = {"name": "backup-redis", "password": "secret", "buckets": [{"name": "backup", "folder": "redis", "write": True}]}


def lifecycle(*rules):
    return {"version info": [{"versioning": {"status": "Enabled"}}], "ilm rule export": [{"config": {"Rules": list(rules)}}]}


def test_documents_may_stand_on_several_lines():
    assert program.documents('{"a": 1}\n{\n "b": 2\n}\n') == [{"a": 1}, {"b": 2}]


def test_a_missing_bucket_is_made_with_all_it_should_have():
    mc = Mc({})
    assert done(program.bucket_changes(mc, BUCKET, set())) == ["CREATE BUCKET data", "ENABLE VERSIONS OF data", "SET LIFECYCLE OF data"]
    assert [words for words, _ in mc.calls] == ["mb site/data", "version enable site/data", "ilm rule import site/data"]


def test_nothing_to_do_for_a_bucket_as_declared():
    assert done(program.bucket_changes(Mc(lifecycle(VERSIONS)), BUCKET, {"data"})) == []


def test_a_rule_of_somebody_else_stays():
    other = {"ID": "theirs", "Status": "Enabled", "Expiration": {"Days": 1}}
    mc = Mc(lifecycle(other))
    assert done(program.bucket_changes(mc, BUCKET, {"data"})) == ["SET LIFECYCLE OF data"]
    assert [rule["ID"] for rule in json.loads(mc.calls[0][1])["Rules"]] == ["theirs", "versions"]


def test_a_bucket_without_rules_is_no_error():
    answers = {**lifecycle(), "ilm rule export": program.McError("none", "NoSuchLifecycleConfiguration")}
    assert done(program.bucket_changes(Mc(answers), BUCKET, {"data"})) == ["SET LIFECYCLE OF data"]


def test_a_folder_is_all_that_its_user_reaches():
    place, listing, content, never = program.policy(USER["buckets"])["Statement"]
    assert place["Resource"] == ["arn:aws:s3:::backup"]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["redis", "redis/*"]}}
    assert content["Resource"] == ["arn:aws:s3:::backup/redis/*"]
    assert "s3:PutObject" in content["Action"]
    assert (never["Effect"], never["Action"]) == ("Deny", ["s3:DeleteObjectVersion"])


def test_who_only_reads_cannot_write():
    allowed = [action for s in program.policy([{"name": "*"}])["Statement"] if s["Effect"] == "Allow" for action in s["Action"]]
    assert "s3:GetObject" in allowed
    assert not [action for action in allowed if "Put" in action or "Delete" in action]


def test_a_missing_user_is_made_and_its_password_stands_in_no_argument():
    mc = Mc({})
    assert done(program.user_changes(mc, USER, {}, set())) == [
        "SET POLICY backup-redis", "CREATE USER backup-redis", "ATTACH backup-redis TO backup-redis",
    ]  # fmt: skip
    assert not [words for words, _ in mc.calls if "secret" in words]
    assert ("admin user add site", "backup-redis\nsecret\n") in mc.calls


@pytest.mark.parametrize(("code", "expected"), [("SignatureDoesNotMatch", ["SET PASSWORD OF USER backup-redis"]), ("AccessDenied", [])])
def test_a_password_is_set_only_where_it_is_not_in_force(code, expected):
    found = {"policyInfo": {"Policy": program.policy(USER["buckets"])}}
    mc = Mc({"ls user": program.McError("no", code), "admin policy info": [found]})
    there = {"backup-redis": {"policyName": "backup-redis"}}
    assert done(program.user_changes(mc, USER, there, {"backup-redis"})) == expected


def test_a_user_keeps_no_policy_that_is_not_declared():
    found = {"policyInfo": {"Policy": program.policy(USER["buckets"])}}
    mc = Mc({"ls user": [], "admin policy info": [found]})
    there = {"backup-redis": {"policyName": "readwrite,backup-redis", "userStatus": "enabled"}}
    assert done(program.user_changes(mc, USER, there, {"backup-redis"})) == ["DETACH readwrite FROM backup-redis"]
    assert mc.calls == [("admin policy detach site readwrite --user backup-redis", None)]


def test_a_user_that_an_operator_disabled_stays_disabled():
    found = {"policyInfo": {"Policy": program.policy(USER["buckets"])}}
    mc = Mc({"ls user": program.McError("disabled", "InvalidAccessKeyId"), "admin policy info": [found]})
    there = {"backup-redis": {"policyName": "backup-redis", "userStatus": "disabled"}}
    assert done(program.user_changes(mc, USER, there, {"backup-redis"})) == []


def test_an_order_of_actions_is_no_difference():
    wanted = program.policy(USER["buckets"])
    found = json.loads(json.dumps(wanted))
    for statement in found["Statement"]:
        statement["Action"] = statement["Action"][::-1]
    assert program.same(wanted, found)
    found["Statement"][2]["Action"].append("s3:DeleteObjectVersion")
    assert not program.same(wanted, found)


def test_only_a_setting_that_differs_is_set():
    kv = [{"key": "stale_uploads_expiry", "value": "24h"}, {"key": "requests_max", "value": "0"}]
    mc = Mc({"admin config get": [{"config": [{"subSystem": "api", "kv": kv}]}]})
    changes = program.setting_changes(mc, "api", {"stale_uploads_expiry": "24h", "requests_max": 100})
    assert done(changes) == ["SET api requests_max=100"]


def test_a_cluster_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(waiting.time, "sleep", lambda seconds: None)
    for patience in (0, 0.01):
        with pytest.raises(Absent, match="connection refused"):
            program.serves(Mc({"ls site": program.McError("connection refused")}), patience)


def test_a_policy_says_nothing_twice():
    """MinIO keeps one of equal statements, and the difference would be set anew by every run."""
    statements = program.policy([{"name": "backup"}, {"name": "backup", "folder": "moments", "write": True}])["Statement"]
    assert all(each not in statements[:number] for number, each in enumerate(statements))


@pytest.mark.parametrize(
    ("said", "text", "code"),
    [
        ({"message": "no", "cause": {"message": "denied", "error": {"Code": "AccessDenied"}}}, "mc ls site: denied", "AccessDenied"),
        ("connection refused", "mc ls site: connection refused", ""),  # as `mc admin info` has it
    ],
)
def test_what_mc_says_when_it_fails(monkeypatch, tmp_path, said, text, code):
    done = SimpleNamespace(stdout=json.dumps({"status": "error", "error": said}), stderr="", returncode=1)
    monkeypatch.setattr(program.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(program.McError, match=text) as failure:
        program.Mc("minio:9000", {"name": "root", "password": "word"}, str(tmp_path))("ls", "site")
    assert failure.value.code == code
