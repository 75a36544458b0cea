"""A copy of this project follows docs/how-to/add-a-system.md word for word; what that adds is rendered, judged by schemas and counted."""

from __future__ import annotations

import re

import kubernetes_validate
import pytest

from tests.how_to import DATA, SERVICE, copy
from tests.render import compare
from tests.render.test_schema import VERSION
from tests.render.workloads import of_kind


def outside(added, role):
    return {step.path for step in added if not step.path.startswith(f"roles/{role}/")}


def test_a_stateless_service_costs_little():
    assert len(outside(SERVICE, "echo")) <= 3
    assert sum(step.added for step in SERVICE) <= 25


def test_a_data_system_is_written_into_few_places():
    assert len(outside(DATA, "ledger")) <= 5


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    """What a site has with both of them, and has not without: label → object."""
    tree, state = tmp_path_factory.mktemp("copy") / "tree", tmp_path_factory.mktemp("state")
    copy(tree)
    for step in SERVICE + DATA:
        step.follow(tree)
    rendered = compare.objects_of(tree, state, ["minimal"])
    (found,) = rendered.values()
    return {label: item for label, item in found.items() if re.search(r"echo|ledger", label)}


def test_objects_follow_their_schema(objects):
    for item in objects.values():
        kubernetes_validate.validate(item, VERSION, strict=True)


def test_the_service_has_all_that_a_service_needs(objects):
    kinds = {item["kind"] for item in objects.values() if item["metadata"]["name"] == "echo"}
    assert kinds == {"ServiceAccount", "Service", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"}


def test_the_data_system_has_members_secrets_and_volumes(objects):
    found = objects.values()
    (members,) = of_kind(found, "StatefulSet")
    assert members["spec"]["replicas"] == 3
    assert {item["metadata"]["name"] for item in of_kind(found, "Secret")} == {"ledger-credentials", "ledger-tls"}
    volumes = of_kind(found, "PersistentVolume")
    assert len(volumes) >= 3 and all(item["spec"]["local"]["path"].startswith("/data/ledger/") for item in volumes)
    assert {item["metadata"]["name"] for item in of_kind(found, "NetworkPolicy")} >= {"ledger", "access-ledger"}
