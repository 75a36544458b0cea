"""What verify says of certificates that end and of rotations that are not finished."""

import base64
import ssl

import pytest
import yaml

from bootstrap.checks import certificates
from bootstrap.secrets import pki

CA = pki.make_ca("CA", 4000)


def leaf(days):
    return pki.make_certificate(CA, pki.name_of("leaf"), ["leaf.example"], "member", days)["cert"]


class Site:
    """A site with certificates of a given life; `short` names the one that ends before the others."""

    nodes, control_plane, api_address = {"cp-1": "10.0.0.11", "w-1": "10.0.0.21"}, ["cp-1"], "10.0.0.10:6443"
    lives, rotating = {"fail_days": 45, "fail_kubelet_days": 30}, {}

    def __init__(self, folder, short):
        self.days = {name: 20 if name == short else 100 for name in ("vault", "Secrets", "kubeconfig", "API servers", "kubelets")}
        self.secret_days = {"site_ca": 1000, "redis_tls": self.days["vault"]}
        self.kubeconfig = str(folder / "kubeconfig")
        client = {"client-certificate-data": base64.b64encode(leaf(self.days["kubeconfig"]).encode()).decode()}
        (folder / "kubeconfig").write_text(yaml.safe_dump({"users": [{"name": "admin", "user": client}]}))

    def items(self, path, **query):
        assert (path, query) == ("/api/v1/secrets", {"fieldSelector": "type!=helm.sh/release.v1"})
        data = {"tls.crt": leaf(self.days["Secrets"]), "tls.key": "no certificate", "ca.crt": CA["cert"] + leaf(500)}
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
        return [{"metadata": {"namespace": "kube-system", "name": "hubble"}, "data": encoded}, {"metadata": {}, "data": None}]

    def run_kubectl(self, *arguments):
        assert arguments[:2] == ("get", "--raw")
        name = "kubelet_certificate_manager_client_ttl_seconds"
        server = "kubelet_certificate_manager_server_ttl_seconds +Inf"
        return f"# TYPE {name} gauge\n{name} {self.days['kubelets'] * 86400 + 10:e}\n{server}\n"


@pytest.mark.parametrize("short", ["", "vault", "Secrets", "kubeconfig", "API servers", "kubelets"])
def test_the_certificate_that_ends_is_named_and_nothing_else(tmp_path, monkeypatch, short):
    site = Site(tmp_path, short)
    monkeypatch.setattr(ssl, "get_server_certificate", lambda *_, **__: leaf(site.days["API servers"]))
    found = {finding.target: finding for finding in certificates.certificates(site, None)}
    assert list(found) == ["vault", "Secrets", "kubeconfig", "API servers", "kubelets"]
    assert [target for target in found if not found[target].ok] == ([short] if short else [])
    assert "kubelets" not in short or "cp-1 (client) in 20 days, w-1 (client) in 20 days; wanted 30" in found[short].detail


def test_nothing_to_look_at_is_not_well(tmp_path):
    site = Site(tmp_path, "")
    site.secret_days = {}
    assert not next(iter(certificates.certificates(site, None))).ok


@pytest.mark.parametrize(("rotating", "said"), [({}, "no rotation"), ({"redis_admin": "retire"}, "redis_admin is at retire; finish it")])
def test_an_unfinished_rotation_is_a_finding(tmp_path, rotating, said):
    site = Site(tmp_path, "")
    site.rotating = rotating
    [finding] = certificates.rotation(site, None)
    assert finding.ok is not bool(rotating)
    assert said in finding.detail
