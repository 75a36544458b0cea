"""A system's images are no other system's: a store that was filled for some systems has what these run."""

from __future__ import annotations

from artifacts.catalogue import Catalogue
from tests.render.rendering import BUNDLES
from tests.render.workloads import WORKLOADS, pod

SYSTEMS = {image.reference: image.systems for image in Catalogue.load().images()}


def test_every_image_of_a_system_is_said_to_be_its_own(site):
    used = {
        (bundle.role, container["image"].split("@")[0])
        for bundle in BUNDLES
        for item in site.documents(bundle)
        if item["kind"] in WORKLOADS
        for container in pod(item).get("initContainers", []) + pod(item)["containers"]
    }
    assert {system for systems in SYSTEMS.values() for system in systems} <= {role for role, _ in used}
    assert not {(role, image) for role, image in used if SYSTEMS[image] and role not in SYSTEMS[image]}
