"""A site's own image takes the place of a reference service by its inventory alone."""

from __future__ import annotations

import json

import pytest

from tests.render.rendering import BUNDLES, services
from tests.render.workloads import WORKLOADS, containers

OWN = "registry.example.com/own/{}:2.1.0"
OF_SERVICES = [bundle for bundle in BUNDLES if bundle.role in {*services(), "faiss_service"}]


@pytest.fixture(scope="module")
def own(make_site):
    """A site that has an image of its own for each service."""
    return make_site("minimal").changed(**{f"{bundle.role}_image": OWN.format(bundle.role) for bundle in OF_SERVICES})


@pytest.mark.parametrize("bundle", OF_SERVICES, ids=str)
def test_its_own_image_runs_and_nothing_else_is_another(make_site, own, bundle):
    before, after = make_site("minimal").documents(bundle), own.documents(bundle)
    images = {container["image"] for item in before if item["kind"] in WORKLOADS for container in containers(item)}
    (image,) = images - {
        make_site("minimal").value("{{ lookup('image', 'toolbox') }}")
    }  # of all its workloads; backups have the toolbox beside it
    assert json.dumps(before).replace(image, OWN.format(bundle.role)) == json.dumps(after)
