"""Who in a cluster keeps a copy of its CAs, and which pods have to read them anew."""

import base64

import pytest

from bootstrap.kube.api import ApiError
from bootstrap.secrets import trust

OLD, NEW, PROXY = (f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n" for text in ("b2xk", "bmV3", "cHJveHk="))
BOTH = NEW + OLD


class Api:
    """A cluster whose API servers and controller manager trust `ca`, and only ever add to what extensions are told."""

    def __init__(self, ca, pods=()):
        self.ca, self.pods, self.evicted, self.refused = ca, list(pods), [], 0
        self.extensions = {"client-ca-file": BOTH, "requestheader-client-ca-file": PROXY}
        self.joining = "certificate-authority-data: b2xk\nserver: x\n"

    def get(self, reference):
        if reference == trust.JOINING:
            return {"data": {"kubeconfig": self.joining}}
        if reference["kind"] == "Pod":
            return None if reference["metadata"]["name"] in self.evicted else {"metadata": reference["metadata"]}
        return {"data": self.extensions}

    def path(self, reference):
        return reference["metadata"]["name"]

    def delete(self, reference, query):
        assert reference == trust.EXTENSIONS
        self.extensions = {"client-ca-file": self.ca, "requestheader-client-ca-file": PROXY}

    def request(self, method, path, query=None, body=None, content_type=None):
        if method == "PATCH":
            self.joining = body["data"]["kubeconfig"]
        if method == "POST":
            if self.refused:
                self.refused -= 1
                raise ApiError(429, "Cannot evict pod as it would violate the pod's disruption budget.")
            self.evicted.append(path.split("/")[-2])
        told = {"metadata": {"namespace": "apps", "managedFields": [{"time": "2026-01-02T00:00:00Z"}]}, "data": {"ca.crt": self.ca}}
        return {"items": {"/api/v1/configmaps": [told], "/api/v1/pods": self.pods}.get(path, [])}


def pod(name, day, phase="Running", reads=trust.ROOT):
    meta = {"namespace": "apps", "name": name, "uid": f"uid of {name}", "creationTimestamp": f"2026-01-{day}T00:00:00Z"}
    return {
        "metadata": meta,
        "status": {"phase": phase},
        "spec": {"volumes": [{"projected": {"sources": [{"configMap": {"name": reads}}]}}]},
    }


PODS = [pod("before", "01"), pod("since", "03"), pod("ended", "01", phase="Succeeded"), pod("other", "01", reads="settings")]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(trust, "PAUSE", 0)


def test_a_ca_that_is_gone_is_taken_back_from_extensions():
    api = Api(NEW)
    told = trust.ClusterTrust(api, 1)
    assert told.extensions(NEW, PROXY) == ["extension-apiserver-authentication"]
    assert api.extensions["client-ca-file"] == NEW
    assert told.extensions(NEW, PROXY) == []


def test_pods_that_know_less_than_their_namespace_are_evicted():
    api = Api(BOTH, PODS)
    assert trust.ClusterTrust(api, 1).pods(BOTH, True) == ["cluster-info", "Pod apps/before"]
    assert api.evicted == ["before"]
    assert base64.b64decode(api.joining.split()[1]).decode() == BOTH


def test_a_budget_that_is_used_up_is_waited_for():
    api = Api(BOTH, PODS)
    api.refused = 2
    trust.ClusterTrust(api, 5).pods(BOTH, True)
    assert api.evicted == ["before"]


def test_nobody_is_evicted_when_a_ca_goes():
    api = Api(NEW, PODS)
    assert trust.ClusterTrust(api, 1).pods(NEW, False) == ["cluster-info"]


def test_a_controller_manager_that_does_not_follow_is_named():
    with pytest.raises(trust.Untold, match=r"kube-root-ca\.crt: found other CAs than wanted in some namespace; waited 0 s"):
        trust.ClusterTrust(Api(OLD), 0).pods(BOTH, True)
