"""Bundles applied to an API server of the tests' own."""

from __future__ import annotations

import pytest
import yaml

FIXED = {"domain": "test.example.org", "labels": {"bundle": "test"}}


@pytest.fixture
def bundle(kubeconfig, task_result, tmp_path):
    """Apply documents: `bundle(*documents, options=[], **arguments)` gives the result of the task."""

    def apply(*documents, options=(), **arguments):
        template = tmp_path / "bundle.yml.j2"
        template.write_text(documents[0] if isinstance(documents[0], str) else yaml.safe_dump_all(documents))
        task = {"name": "test", "template": str(template), "kubeconfig": str(kubeconfig), **FIXED, **arguments}
        return task_result({"k8s_bundle": task}, *options, platform_name="voicehelper")

    return apply
