"""The administrator's way in, as delivered to the controller."""

import json
import stat

from reach import CREDENTIALS, VERSIONS


def test_the_kubeconfig_is_the_owners_alone():
    assert stat.S_IMODE((CREDENTIALS / "kubeconfig").stat().st_mode) == 0o600
    assert stat.S_IMODE(CREDENTIALS.stat().st_mode) == 0o700


def test_kubectl_and_the_cluster_are_of_one_version(kubectl):
    found = json.loads(kubectl("version --output json"))
    wanted = f"v{VERSIONS['kubernetes']}"
    assert found["clientVersion"]["gitVersion"] == found["serverVersion"]["gitVersion"] == wanted


def test_it_may_do_everything(kubectl):
    assert kubectl("auth can-i '*' '*' --all-namespaces") == "yes"


def test_it_trusts_the_clusters_ca_only(kubectl):
    view = json.loads(kubectl("config view --raw --minify --output json"))
    cluster = view["clusters"][0]["cluster"]
    assert cluster["certificate-authority-data"] and not cluster.get("insecure-skip-tls-verify")


def test_helm_sees_the_releases(host):
    helm = f"{CREDENTIALS}/bin/helm --kubeconfig {CREDENTIALS}/kubeconfig"
    releases = json.loads(host.check_output(f"{helm} list --all-namespaces --output json"))
    assert {release["name"]: release["status"] for release in releases}["cilium"] == "deployed"
