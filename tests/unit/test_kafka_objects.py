"""What Kafka's declared users may do: rules that are missing are made, those that are declared no longer are taken away."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from kafka import admin as a

from programs.kafka import objects
from programs.protocol import Refusal


class Admin:
    """As much of the client as the rules need, with the answers of kafka-python."""

    def __init__(self, *rules, error=0):
        self.rules, self.error = list(rules), error

    def describe_acls(self, _filter):
        return list(self.rules), None

    def create_acls(self, rules):
        self.rules += rules
        return {"succeeded": rules, "failed": []}

    def delete_acls(self, rules):
        self.rules = [rule for rule in self.rules if rule not in rules]
        return [(rule, [], SimpleNamespace(errno=self.error)) for rule in rules]


def rule(operation, user="app", permission=a.ACLPermissionType.ALLOW):
    return a.ACL(
        f"User:{user}", "*", operation, permission, a.ResourcePattern(a.ResourceType.TOPIC, "tasks", a.ACLResourcePatternType.LITERAL)
    )


WANTED = {"users": [{"name": "app", "acls": [{"resource": "topic", "name": "tasks", "operations": ["read"]}]}]}


def done(changes):
    """Names of the changes; each is carried out."""
    return [(name, how())[0] for name, how in changes]


def test_a_rule_that_is_declared_is_made_once():
    admin = Admin()
    assert done(objects.rules(admin, WANTED)) == ["ALLOW app read ON topic tasks"]
    assert admin.rules == [rule(a.ACLOperation.READ)] and done(objects.rules(admin, WANTED)) == []


def test_a_rule_that_is_declared_no_longer_is_taken_away():
    admin = Admin(rule(a.ACLOperation.READ), rule(a.ACLOperation.WRITE))
    assert done(objects.rules(admin, WANTED)) == ["NO LONGER ALLOW app write ON topic tasks"]
    assert admin.rules == [rule(a.ACLOperation.READ)]


def test_what_is_denied_and_who_is_not_declared_stay_as_they_are():
    kept = [
        rule(a.ACLOperation.READ),
        rule(a.ACLOperation.WRITE, permission=a.ACLPermissionType.DENY),
        rule(a.ACLOperation.WRITE, user="guest"),
    ]
    admin = Admin(*kept)
    assert done(objects.rules(admin, WANTED)) == [] and admin.rules == kept


def test_a_refusal_to_take_one_away_ends_the_run():
    admin = Admin(rule(a.ACLOperation.READ), rule(a.ACLOperation.WRITE), error=31)
    with pytest.raises(Refusal, match="refused"):
        done(objects.rules(admin, WANTED))
