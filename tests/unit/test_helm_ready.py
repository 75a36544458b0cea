"""Which objects of a release are awaited."""

from __future__ import annotations

import base64
import gzip
import json

import pytest
import yaml

from bootstrap.errors import BootstrapError
from plugins.action import helm_ready as action

SERVER = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "server"}}
ELSEWHERE = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent", "namespace": "other"}}


class Api:
    """Stands for an API server with records of a release: lists of objects, the first one of revision 1."""

    def __init__(self, *revisions):
        self.items = []
        for number, objects in enumerate(revisions, 1):
            record = gzip.compress(json.dumps({"manifest": yaml.safe_dump_all([*objects, None])}).encode())
            data = base64.b64encode(base64.b64encode(record)).decode()
            self.items.append({"metadata": {"labels": {"version": str(number)}}, "data": {"release": data}})

    def path(self, reference, collection):
        assert collection and reference["metadata"] == {"namespace": "mesh"}
        return "secrets"

    def request(self, method, path, query):
        assert (method, path, query) == ("GET", "secrets", {"labelSelector": "owner=helm,name=istiod,status=deployed"})
        return {"items": self.items}


def test_objects_without_a_namespace_are_in_the_releases():
    found = action.objects(Api([SERVER, ELSEWHERE]), "mesh", "istiod")
    assert [(item["metadata"]["name"], item["metadata"]["namespace"]) for item in found] == [("server", "mesh"), ("agent", "other")]


def test_the_newest_revision_counts_by_its_number():
    revisions = [[ELSEWHERE]] * 9 + [[SERVER]]
    assert [item["kind"] for item in action.objects(Api(*revisions), "mesh", "istiod")] == ["Deployment"]


def test_a_release_that_is_not_there_is_told():
    with pytest.raises(BootstrapError, match="found no record of it as deployed"):
        action.objects(Api(), "mesh", "istiod")
