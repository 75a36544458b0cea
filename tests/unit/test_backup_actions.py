"""The actions that run a backup now and remove what a restore left: what they do, and what they leave alone."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleActionFail

from plugins.action import cronjob_run, kube_absent

LABELS = {"voicehelper.local/bundle": "restore"}
NEVER = {"metadata": {"name": "redis-backup", "namespace": "space"}}
ONCE = NEVER | {"status": {"lastSuccessfulTime": "2026-01-01T00:00:00Z"}}


class Api:
    """Stands for an API server with one object, or none; a deleted one is gone at once."""

    def __init__(self, found):
        self.found, self.deleted = found, []

    def path(self, item):
        return f"{item['kind']}/{item['metadata']['name']}"

    def get(self, item):
        return self.found

    def request(self, method, path, query=None):
        self.deleted.append(path)
        self.found = None


@pytest.fixture
def run(monkeypatch, act):
    """Run an action on an API; its answer."""

    def call(plugin, api, check=False, **arguments):
        monkeypatch.setattr("bootstrap.ansible.KubeApi", lambda kubeconfig: api)
        return act(plugin.ActionModule, check=check, **arguments)

    return call


def backup(run, api, **arguments):
    return run(cronjob_run, api, kubeconfig="k", namespace="space", cronjob="redis-backup", **arguments)


def absent(run, api, **arguments):
    return run(kube_absent, api, kubeconfig="k", api_version="v1", kind="Namespace", name="scratch", labels=LABELS, **arguments)


def test_a_system_without_backups_is_an_error_or_is_said_to_be_absent(run):
    with pytest.raises(AnsibleActionFail, match="redis-backup in space: found no such CronJob"):
        backup(run, Api(None))
    answer = backup(run, Api(None), required=False)
    assert (answer["changed"], answer["present"], answer["findings"]) == (False, False, [])


@pytest.mark.parametrize(("found", "changed"), [(NEVER, True), (ONCE, False)])
def test_the_first_backup_is_not_taken_twice(run, found, changed):
    assert backup(run, Api(found), check=True, first=True)["changed"] is changed
    assert backup(run, Api(ONCE), first=True)["changed"] is False


def test_a_check_makes_no_job(run):
    api = Api(NEVER)
    assert backup(run, api, check=True)["changed"] is True
    assert api.deleted == []


def namespace(labels):
    return {"metadata": {"name": "scratch", "uid": "1", "labels": labels}}


def test_what_is_ours_goes(run):
    api = Api(namespace(LABELS))
    assert absent(run, api)["changed"] is True
    assert api.deleted == ["Namespace/scratch"]
    assert absent(run, api)["changed"] is False


def test_what_is_not_ours_stays(run):
    api = Api(namespace({}))
    with pytest.raises(AnsibleActionFail, match="not ours to remove"):
        absent(run, api)
    assert api.deleted == []


def test_a_check_removes_nothing(run):
    api = Api(namespace(LABELS))
    assert absent(run, api, check=True)["changed"] is True
    assert api.deleted == []
