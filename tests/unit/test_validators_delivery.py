"""Where files and images come from: what a site could not get, or would take unchecked, is found before any machine is touched."""

import json

import pytest

from artifacts.catalogue import Catalogue
from bootstrap.validators.inventory import validate
from tests.good_site import KUBERNETES, only, site
from tests.whole_mirror import SITE as MIRROR
from tests.whole_mirror import lock_file


def test_a_version_that_nothing_pins_is_one_finding_an_item():
    findings = validate(site(artifacts_versions={"kubernetes": "1.37.0"}))
    assert [finding.what for finding in findings] == ["artifacts_files.kubeadm", "artifacts_images.kube_apiserver"]
    assert all(finding.fatal and "artifacts lock kubernetes 1.37.0" in finding.wanted for finding in findings)


def test_a_component_without_a_version_is_refused():
    assert "'kubernetes' has no version" in validate(site(artifacts_versions={}))[0].wanted


def test_a_processor_without_a_checksum_is_refused():
    files = {"kubeadm": KUBERNETES | {"sha256": {"1.36.4": {"amd64": "0" * 64}}}}
    assert "kubeadm 1.36.4 (arm64)" in only(validate(site(artifacts_files=files))).wanted


def test_a_chart_that_nobody_pinned_is_refused():
    chart = {"component": "kubernetes", "path": "helm.cilium.io/{version}"}
    finding = only(validate(site(artifacts_files={"chart": chart})))
    assert finding.fatal and finding.what == "artifacts_files.chart"


def test_an_image_that_is_published_nowhere_needs_a_mirror(tmp_path):
    own = {"component": "kubernetes", "repository": "registry.invalid/own", "tag": "{version}", "build": "images/own"}
    images = {"artifacts_images": {"own": own}}
    assert "published nowhere" in only(validate(site(**images))).wanted
    lock = tmp_path / "lock.json"
    finding = only(validate(site(**images, **MIRROR, artifacts_lock_file=str(lock))))
    assert finding.what == "artifacts_lock_file" and finding.wanted.endswith("has the digests of: own")
    lock.write_text(json.dumps({"files": {}, "images": {"registry.invalid/own:1.36.4": "sha256:3"}}))
    assert validate(site(**images, **MIRROR, artifacts_lock_file=str(lock))) == []


def test_a_mirror_that_says_something_else_than_git_is_refused(tmp_path):
    lock = tmp_path / "lock.json"
    lock.write_text(json.dumps({"files": {}, "images": {"registry.k8s.io/x:v1.36.4": "sha256:evil"}}))
    finding = only(validate(site(**MIRROR, artifacts_lock_file=str(lock))))
    assert finding.what == "artifacts_images.kube_apiserver" and "sha256:evil" in finding.wanted


def test_a_store_that_is_yet_to_be_filled_is_not_judged():
    built = {"artifacts_source": "built", "artifacts_base_url": "https://depot"}
    assert validate(site(**built, artifacts_versions={"kubernetes": "1.37.0"})) == []


@pytest.mark.parametrize("name", ["artifacts_base_url", "artifacts_registry"])
def test_a_mirror_without_an_address_is_refused(name):
    assert only(validate(site(**{**MIRROR, name: ""}))).what == name


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({**MIRROR, "artifacts_base_url": "http://mirror"}, "artifacts_base_url"),
        ({"containerd_offline_registry": "http://mirror:5000"}, "containerd_offline_registry"),
        ({"containerd_registry_mirrors": {"docker.io": [{"url": "http://cache"}]}}, "containerd_registry_mirrors.docker.io"),
    ],
)
def test_plain_http_is_refused_unless_it_is_accepted_by_name(changes, what):
    finding = only(validate(site(**changes)))
    assert (finding.what, finding.wanted) == (what, "https://…") and "artifacts_plain_http" in finding.remedy
    for accepted in (True, "true"):
        assert validate(site(**changes, artifacts_plain_http=accepted)) == []
    assert validate(site(**changes, artifacts_plain_http="false")) == [finding]


def test_names_of_what_is_published_nowhere_belong_to_nobody():
    """Another's registry is never asked for an image that this project makes: .invalid is no domain, by RFC 2606."""
    made = [image for image in Catalogue.load().images() if image.build]
    assert made and all(image.repository.startswith("registry.invalid/") for image in made)


def test_the_catalogue_pins_all_that_starts_a_cluster():
    catalogue = Catalogue.load()
    control_plane = ("etcd", "kube_apiserver", "kube_controller_manager", "kube_scheduler", "coredns", "pause", "cilium", "cilium_operator")
    assert all(catalogue.image(name).digest for name in control_plane)
    assert all(catalogue.file(name, arch).sha256 for name in catalogue.file_table for arch in ("amd64", "arm64"))


def test_a_site_with_the_whole_mirror_gets_everything(tmp_path):
    catalogue = Catalogue.load()
    tables = {
        f"artifacts_{name}": table
        for name, table in {"versions": catalogue.versions, "files": catalogue.file_table, "images": catalogue.image_table}.items()
    }
    assert validate(site(**MIRROR, **tables, artifacts_lock_file=str(lock_file(tmp_path / "lock.json")))) == []
