"""What a smaller mode removes is all that a component's bundles make, and never a volume."""

from __future__ import annotations

import pytest
import yaml

from bootstrap.kube.prune import KINDS
from tests.render.rendering import BUNDLES, PROJECT, services

COMPONENTS = yaml.safe_load((PROJECT / "group_vars/all/modes.yml").read_text())["deploy_modes"]["full"] + services()
KEPT = {("v1", "PersistentVolume"), ("v1", "PersistentVolumeClaim")}  # data is nobody's to remove
OF_COMPONENTS = [bundle for bundle in BUNDLES if bundle.role in COMPONENTS]


@pytest.mark.parametrize("bundle", OF_COMPONENTS, ids=str)
def test_every_object_of_a_component_is_found(site, bundle):
    assert bundle.name == bundle.role or "restore" in bundle.name  # what a restore needs lives in a namespace of its own
    made = {(item["apiVersion"], item["kind"]) for item in site.documents(bundle)}
    assert made - KEPT <= {(version, kind) for version, kinds in KINDS.items() for kind in kinds}


@pytest.mark.parametrize("bundle", OF_COMPONENTS, ids=str)
def test_claims_stay_when_their_workload_goes(site, bundle):
    for item in site.documents(bundle):
        if item["kind"] == "StatefulSet":
            assert item["spec"]["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
