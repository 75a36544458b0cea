"""What the inventory check refuses of addresses and networks, each rule by a site that breaks it."""

from __future__ import annotations

import pytest

from bootstrap.validators.inventory import validate
from tests.good_site import only, site, with_host


def test_an_address_given_twice_names_both_hosts():
    finding = only(validate(with_host("worker-1", ansible_host="10.0.0.11")))
    assert (finding.host, finding.found) == ("worker-1", "10.0.0.11, also the address of cp-1")


@pytest.mark.parametrize(("value", "found"), [("10.1.0.14", "10.1.0.14"), ("", "nothing"), ("node.example", "node.example")])
def test_an_address_that_is_none_of_the_node_network_is_refused(value, found):
    finding = only(validate(with_host("worker-1", ansible_host=value)))
    assert (finding.host, finding.what, finding.found) == ("worker-1", "ansible_host", found)


@pytest.mark.parametrize("value", ["10.0.0.0", "10.0.0.255"])
def test_the_networks_own_addresses_are_refused(value):
    assert "network or broadcast" in only(validate(with_host("worker-1", ansible_host=value))).found


@pytest.mark.parametrize(
    ("name", "value", "other"),
    [
        ("platform_pod_cidr", "10.0.0.0/16", "platform_node_cidr"),
        ("platform_service_cidr", "10.244.128.0/17", "platform_pod_cidr"),
        ("platform_service_cidr", "10.0.0.0/25", "platform_node_cidr"),
    ],
)
def test_overlapping_networks_are_refused(name, value, other):
    findings = [finding for finding in validate(site(**{name: value})) if "overlaps" in finding.found]
    assert any({name, other} <= {finding.what, *finding.found.split()} for finding in findings)


@pytest.mark.parametrize("value", ["10.244.0.1/16", "pods", "10.244.0.0/33"])
def test_a_network_that_is_none_is_refused(value):
    finding = only(validate(site(platform_pod_cidr=value)))
    assert (finding.what, finding.found) == ("platform_pod_cidr", value)


def test_a_pod_network_too_small_for_the_nodes_is_refused():
    assert "room for 2" in only(validate(site(platform_pod_cidr="10.244.0.0/23"))).found


def test_no_address_for_the_api_is_refused():
    assert only(validate(site(platform_api_vip=""))).what == "platform_api_vip"


def test_an_external_load_balancer_replaces_the_virtual_address():
    assert validate(site(platform_api_vip="", platform_api_load_balancer="api.example")) == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("10.0.0.11", "10.0.0.11, the address of cp-1"),
        ("10.9.0.1", "10.9.0.1"),
        ("10.0.0.210", "10.0.0.210, inside platform_load_balancer_pool 10.0.0.200-10.0.0.239"),
        ("vip", "vip"),
    ],
)
def test_a_virtual_address_that_cannot_be_one_is_refused(value, found):
    finding = only(validate(site(platform_api_vip=value)))
    assert (finding.what, finding.found) == ("platform_api_vip", found)


@pytest.mark.parametrize(
    ("start", "stop", "found"),
    [
        ("10.0.0.14", "10.0.0.20", "holds worker-1"),
        ("10.9.0.1", "10.9.0.9", "10.9.0.1-10.9.0.9"),
        ("10.0.0.9", "10.0.0.5", "'stop': '10.0.0.5'"),
    ],
)
def test_a_pool_that_cannot_be_one_is_refused(start, stop, found):
    finding = only(validate(site(platform_load_balancer_pool={"start": start, "stop": stop})))
    assert finding.what == "platform_load_balancer_pool"
    assert found in finding.found
