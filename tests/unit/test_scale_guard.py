"""Members that would be lost: of sets that run, that were stopped and that were deleted."""

from __future__ import annotations

import pytest

from bootstrap.kube import scale_guard

DOMAIN = "example.org"


def stateful_set(replicas, declared=None):
    meta = {"name": "minio", "namespace": "space"}
    if declared is not None:
        meta["annotations"] = {f"{DOMAIN}/members": str(declared)}
    return {
        "kind": "StatefulSet",
        "metadata": meta,
        "spec": {"replicas": replicas, "volumeClaimTemplates": [{"metadata": {"name": "data"}}]},
    }


class Api:
    """Stands for an API server with one StatefulSet, or none, and the claims of a namespace."""

    def __init__(self, live, claims=()):
        self.live, self.claims = live, claims

    def get(self, item):
        return self.live

    def path(self, reference, collection):
        assert collection and reference["kind"] == "PersistentVolumeClaim" and reference["metadata"]["namespace"] == "space"
        return "claims"

    def request(self, method, path):
        assert (method, path) == ("GET", "claims")
        return {"items": [{"metadata": {"name": name}} for name in self.claims]}


def refusals(live, wanted, claims=(), confirmed=()):
    return scale_guard.refusals(Api(live, claims), "minio", [stateful_set(wanted)], confirmed, DOMAIN)


@pytest.mark.parametrize("live", [stateful_set(8), stateful_set(8, 4), stateful_set(0, 8), stateful_set(4, 8)])
def test_members_that_run_or_were_stopped_are_kept(live):
    (line,) = refusals(live, 4)
    assert "found 8, wanted 4" in line and "minio-4, minio-5, minio-6, minio-7" in line
    assert refusals(live, 8) == refusals(live, 12) == []
    assert refusals(live, 4, confirmed=["scale-down:minio"]) == []


def test_members_of_a_deleted_set_are_those_of_its_claims():
    claims = ["data-minio-0", "data-minio-7", "data-minio-x-9", "other-minio-9", "data-minio-backup-0"]
    (line,) = refusals(None, 4, claims)
    assert "found 8, wanted 4" in line
    assert refusals(None, 8, claims) == refusals(None, 4) == []


def test_a_set_says_how_many_members_it_is_to_have():
    stated, scaled, other = stateful_set(4), stateful_set(4), {"kind": "Service", "metadata": {"name": "x"}, "spec": {"replicas": 1}}
    del scaled["spec"]["replicas"]
    stated["metadata"]["annotations"] = {"own": "kept"}
    scale_guard.declare([stated, scaled, other], DOMAIN)
    assert stated["metadata"]["annotations"] == {"own": "kept", f"{DOMAIN}/members": "4"}
    assert "annotations" not in scaled["metadata"] and "annotations" not in other["metadata"]
