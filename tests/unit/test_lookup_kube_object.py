"""The lookup kube_object: what stands for an object that is not there, and for a cluster that is not there."""

from __future__ import annotations

import sys

import pytest
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar

from bootstrap.kube.api import ApiError

TERMS = ["apps/v1", "StatefulSet", "minio"]


@pytest.fixture
def lookup(project, tmp_path, monkeypatch):
    """Look up with a cluster that answers as `lookup.answer` says; `lookup.asked` is what it was asked for."""
    lookup_loader.add_directory(str(project / "plugins/lookup"))
    plugin = lookup_loader.get("kube_object", loader=DataLoader(), templar=Templar(DataLoader(), {}))

    class Api:
        def __init__(self, kubeconfig, patience):
            pass

        def get(self, reference):
            run.asked = reference
            if isinstance(run.answer, Exception):
                raise run.answer
            return run.answer

    monkeypatch.setattr(sys.modules[type(plugin).__module__], "KubeApi", Api)

    def run(kubeconfig="kubeconfig", there=True):
        if there:
            (tmp_path / kubeconfig).touch()
        return plugin.run(TERMS, {"platform_kubeconfig": str(tmp_path / kubeconfig)}, namespace="space")

    run.answer = None
    return run


def test_an_object_is_given_as_it_is(lookup):
    lookup.answer = {"kind": "StatefulSet"}
    assert lookup() == [{"kind": "StatefulSet"}]
    assert lookup.asked == {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "minio", "namespace": "space"}}


def test_an_object_that_is_not_there_is_an_empty_table(lookup):
    assert lookup() == [{}]


def test_without_a_cluster_there_is_no_object(lookup):
    lookup.answer = ApiError(0, "never asked")
    assert lookup(there=False) == [{}]


def test_a_refusal_is_an_error(lookup):
    lookup.answer = ApiError(403, "forbidden")
    with pytest.raises(AnsibleLookupError, match="StatefulSet minio: forbidden"):
        lookup()
