"""Which copies of a vault a cluster takes: the one that it knows and newer ones, entry by entry."""

import copy

import pytest

from bootstrap.secrets import vault_record as record

FIRST = {"login": {"kind": "password", "value": "one", "since": 100}, "web": {"kind": "password", "value": "two"}}


class Api:
    """A cluster that keeps one object."""

    def __init__(self):
        self.item = None

    def get(self, reference):
        return copy.deepcopy(self.item)

    def apply(self, definition, manager):
        self.item = copy.deepcopy(definition)


@pytest.fixture
def api():
    """A cluster that was run with FIRST."""
    api = Api()
    assert record.read(api) == {}
    assert record.write(api, FIRST, {}) is True
    return api


def refused(api, entries, *confirmed):
    return [line.split(":")[0] for line in record.outdated("secrets.yml", entries, ["login", "web"], record.read(api), list(confirmed))]


def changed(**entries):
    return FIRST | {name: {"kind": "password", **entry} for name, entry in entries.items()}


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        (FIRST, []),
        (changed(login={"value": "three", "since": 101}), []),  # a run that was killed before it told the cluster
        (changed(login={"value": "three", "since": 100}), ["login"]),
        (changed(login={"value": "three", "since": 99}), ["login"]),
        (changed(login={"value": "one", "stage": "retire", "since": 99}), ["login"]),  # in the midst of a rotation that has ended
        (changed(login={"value": "one"}), []),  # put together by hand
        (changed(web={"value": "by hand"}), ["web"]),
        ({"web": FIRST["web"]}, ["login"]),
    ],
)
def test_a_copy_counts_where_it_is_the_known_one_or_newer(api, entries, found):
    assert refused(api, entries) == found
    assert refused(api, entries, "new-secret:login", "new-secret:web") == []


def test_a_cluster_that_was_never_told_takes_any(api):
    api.item = None
    assert refused(api, {}) == []


def test_it_is_told_what_changed_and_forgets_nothing_that_a_later_version_added(api):
    known = record.read(api)
    assert record.write(api, FIRST, known) is False
    assert record.write(api, changed(login={"value": "three", "since": 101}), known, dry_run=True) is True
    assert record.read(api) == known
    record.write(api, {"login": FIRST["login"] | {"value": "three"}}, known)
    assert {name for name, words in record.read(api).items() if words != known[name]} == {"login"}


def test_one_that_was_put_together_by_hand_is_not_older_than_the_one_it_replaces(api):
    record.write(api, changed(login={"value": "by hand"}), record.read(api))
    assert refused(api, FIRST) == ["login"]


def test_no_value_stands_in_the_cluster(api):
    assert not [value for value in ("one", "two") if value in str(api.item["data"])]


def test_a_change_is_later_than_the_one_before_whatever_the_clock_says():
    entries = {"login": {"value": "new", "since": 2**40}, "web": FIRST["web"], "fresh": {"value": "x"}}
    record.date(FIRST | {"login": {"value": "old", "since": 2**40}}, entries)
    assert entries["login"]["since"] == 2**40 + 1
    assert "since" not in entries["web"]
    assert 0 < entries["fresh"]["since"] < 2**40
