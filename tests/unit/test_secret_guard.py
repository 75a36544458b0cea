"""Whose secrets lie on a node: those in force, and the previous ones while they are being rotated."""

import pytest
from ansible.module_utils.node.member_facts import fingerprint

from bootstrap.secrets.guard import refusals

OLD, NEW = (f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n" for text in ("b2xk", "bmV3"))
ENCRYPTION = 'providers:\n  - secretbox:\n      keys:\n        - {name: site, secret: "%s"}\n        - {name: site, secret: "%s"}\n'


def judged(entry, on_node):
    found = {"cp-1": {"stage": "member", "fingerprints": {"secret": fingerprint(on_node)}}}
    return refusals("secrets.yml", {"secret": {}}, {"secret": entry}, found, "", [])


@pytest.mark.parametrize("on_node", [OLD, OLD + NEW, NEW + OLD, NEW])
def test_a_ca_that_is_being_rotated_may_be_either(on_node):
    assert judged({"kind": "ca", "stage": "adopt", "value": {"cert": NEW}, "previous": {"cert": OLD}}, on_node) == []


@pytest.mark.parametrize(("on_node", "right"), [(NEW + OLD, True), (NEW, True), (OLD + NEW, False), (OLD, False)])
def test_one_that_was_rotated_must_be_the_one_that_signs(on_node, right):
    assert (judged({"kind": "ca", "value": {"cert": NEW}}, on_node) == []) is right


@pytest.mark.parametrize(("keys", "right"), [(("new", "old"), True), (("old", "new"), False)])
def test_a_key_of_encryption_counts_where_it_is_the_one_that_writes(keys, right):
    assert (judged({"kind": "secretbox", "value": "new"}, ENCRYPTION % keys) == []) is right
