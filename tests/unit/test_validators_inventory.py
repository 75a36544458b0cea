"""What the inventory check refuses: each rule by a site that breaks it, and a good site that none refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bootstrap.validators.inventory import validate
from tests.good_site import VARIABLES, only, site, with_host


def test_a_good_site_has_no_finding():
    assert validate(site()) == []


@pytest.mark.parametrize("name", ["firewall_ssh_from", "firewall_api_from", "minio_backup_s3"])
def test_what_an_operator_should_decide_is_told_until_it_is_said(name):
    undecided = site()
    undecided.given["site"].pop(name)
    finding = only(validate(undecided))
    assert (finding.what, finding.fatal) == (name, False)
    undecided.hosts["cp-1"][name] = VARIABLES[name]
    assert validate(undecided) == [], "said for one host it is known"


@pytest.mark.parametrize(
    ("name", "without"),
    [("firewall_ssh_from", {"firewall_enabled": "false"}), ("minio_backup_s3", {"deploy_mode": "small", "deploy_components": ["redis"]})],
)
def test_nothing_is_asked_about_what_the_site_does_not_have(name, without):
    undecided = site(**without)
    undecided.given["site"].pop(name)
    assert validate(undecided) == []


@pytest.mark.parametrize("count", [1, 3, 5])
def test_an_odd_number_of_control_planes_passes(count):
    assert validate(site(hosts=[f"cp-{number}" for number in range(count)])) == []


@pytest.mark.parametrize("count", [2, 4])
def test_an_even_number_of_control_planes_is_refused(count):
    finding = only(validate(site(hosts=[f"cp-{number}" for number in range(count)])))
    assert finding.what == "group control_plane"
    assert finding.found.startswith(f"{count}: cp-0")
    assert "odd number" in finding.wanted


def test_an_even_number_is_told_but_not_refused_while_control_planes_leave_one_by_one():
    finding = only(validate(site(hosts=["cp-0", "cp-1"], remove="cp-2")))
    assert finding.what == "group control_plane" and not finding.fatal


def test_no_control_plane_is_refused():
    assert only(validate(site(hosts=["worker-1"]))).what == "group control_plane"


def test_no_host_at_all_is_refused():
    assert only(validate(site(hosts=[]))).what == "group nodes"


def test_an_unknown_size_is_refused_with_the_known_ones():
    finding = only(validate(site(platform_size="huge")))
    assert (finding.what, finding.found, finding.wanted) == ("platform_size", "huge", "one of lab, minimal")


@pytest.mark.parametrize(("mode", "found"), [("storage", "storage"), ("", "nothing"), (None, "nothing")])
def test_an_unknown_mode_is_refused_with_the_known_ones(mode, found):
    finding = only(validate(site(deploy_mode=mode)))
    assert (finding.what, finding.found, finding.wanted) == ("deploy_mode", found, "one of full, small")


@pytest.mark.parametrize("name", ["embedding_model", "language_model"])
def test_an_unknown_model_is_refused_with_the_known_ones(name):
    models = {"small": {"image": "model_small", "name": "small"}}
    finding = only(validate(site(**{name: "large", f"{name}s": models})))
    assert (finding.what, finding.found, finding.wanted) == (name, "large", "one of small")


def test_a_component_of_no_mode_is_refused():
    finding = only(validate(site(deploy_components=["redis", "reddis"])))
    assert (finding.what, finding.found) == ("deploy_components", "reddis")
    assert "minio, redis" in finding.wanted


@pytest.mark.parametrize("name", ["platform_size", "platform_node_cidr", "platform_load_balancer_pool"])
def test_a_missing_variable_is_named(name):
    assert only(validate(site(**{name: None}))).what == name


def test_a_removed_variable_is_refused_with_what_to_use():
    finding = only(validate(site(removed={"kube_version": "artifacts_versions.kubernetes"}, kube_version="1.36.4")))
    assert (finding.what, finding.found) == ("kube_version", "1.36.4")
    assert "artifacts_versions.kubernetes" in finding.wanted


def test_a_removed_variable_of_one_host_names_the_host():
    broken = with_host("worker-1", kube_version="1.36.4")
    assert only(validate(replace(broken, removed={"kube_version": "x"}))).host == "worker-1"


def test_a_host_in_both_roles_is_refused():
    broken = site()
    broken.groups["workers"].append("cp-1")
    finding = only(validate(broken))
    assert (finding.host, finding.found) == ("cp-1", "groups control_plane and workers")


def test_a_host_in_no_role_is_refused():
    broken = site()
    broken.groups["workers"].clear()
    assert only(validate(broken)).found == "neither control_plane nor workers"


@pytest.mark.parametrize("name", ["Worker_1", "worker.1", "-worker", "w" * 64])
def test_a_name_that_is_no_host_name_is_refused(name):
    finding = only(validate(site(hosts=["cp-1", name])))
    assert (finding.host, finding.what) == (name, "inventory_hostname")


def test_names_that_differ_in_case_only_are_refused():
    assert only(validate(site(hosts=["cp-1", "worker", "WORKER"]))).host == "WORKER"


def with_neo4j(edition, replicas, accepted="no"):
    """A good site that runs Neo4j."""
    modes = {"deploy_modes": {"full": ["neo4j"]}, "deploy_components": ["neo4j"]}
    return site(**modes, neo4j_edition=edition, neo4j_replicas=replicas, neo4j_accept_license_agreement=accepted)


@pytest.mark.parametrize(
    ("edition", "replicas", "accepted"),
    [("community", 1, "no"), ("enterprise", 3, "yes"), ("enterprise", 3, True), ("enterprise", 1, "eval")],
)
def test_an_edition_of_neo4j_that_fits_passes(edition, replicas, accepted):
    assert validate(with_neo4j(edition, replicas, accepted)) == []


@pytest.mark.parametrize(
    ("edition", "replicas", "accepted", "what", "found"),
    [
        ("community", 3, "yes", "neo4j_replicas", "3, with neo4j_edition community"),
        ("enterprise", 3, "no", "neo4j_accept_license_agreement", "no"),
        ("enterprise", 1, "accepted", "neo4j_accept_license_agreement", "accepted"),
        ("ultimate", 1, "yes", "neo4j_edition", "ultimate"),
        (None, 1, "yes", "neo4j_edition", "nothing"),
    ],
)
def test_a_wrong_mix_of_neo4j_is_refused(edition, replicas, accepted, what, found):
    finding = only(validate(with_neo4j(edition, replicas, accepted)))
    assert (finding.what, finding.found) == (what, found)
    assert finding.fatal and finding.wanted


def test_a_mode_without_neo4j_does_not_ask_for_its_licence():
    assert validate(site(neo4j_edition="enterprise", neo4j_replicas=3)) == []


@pytest.mark.parametrize(
    ("disks", "found"),
    [
        ([{"device": "/dev/sdb"}, {"device": "/dev/sdb"}], "/dev/sdb twice"),
        ([{"device": "sdb"}], "{'device': 'sdb'}"),
        (["/dev/sdb"], "/dev/sdb"),
        ([{"device": "/dev/sdb", "wipe_it": True}], "/dev/sdb: unknown wipe_it"),
    ],
)
def test_disks_that_are_badly_named_are_refused(disks, found):
    finding = only(validate(with_host("worker-1", data_disks_devices=disks)))
    assert (finding.host, finding.what, finding.found) == ("worker-1", "data_disks_devices", found)


def test_a_wrong_vault_password_is_refused():
    finding = only(validate(site(secrets_error="wrong vault password: secrets.yml cannot be opened")))
    assert "vault password" in finding.wanted


def test_all_findings_come_at_once():
    assert len(validate(site(platform_size="huge", platform_api_vip="vip", platform_pod_cidr="pods"))) == 3
