"""What the inventory check refuses of values and names of variables, each rule by a site that breaks it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace

import pytest

from bootstrap.validators.forms import FORMS, kind
from bootstrap.validators.inventory import validate
from tests.good_site import KNOWN, only, site, with_host

OPTIONS, SHARED = KNOWN
NAMESPACES = {key: name for key, name in SHARED["platform_namespaces"].items() if key != "storage"}
# Texts that another rule judges, or that are a component's own words.
JUDGED_ELSEWHERE = {
    *("artifacts_source", "deploy_mode", "deploy_components", "neo4j_accept_license_agreement", "neo4j_edition", "platform_api_vip"),
    *("platform_node_cidr", "platform_pod_cidr", "platform_service_cidr", "platform_size", "backup_known", "backup_systems"),
    # A caller's, never a site's.
    *("component_name", "component_template", "component_confirmed", "component_secrets", "component_services", "component_systems"),
    *("chart_artifact", "chart_name", "chart_namespace"),
    # Held against the cluster itself, by bootstrap.nodes.admission.
    *("maintenance_accepted", "maintenance_away", "maintenance_data", "maintenance_heard", "maintenance_node", "maintenance_remove"),
    *("reset_node", "reset_wiped_platform"),  # held against the inventory's names by the role
}


def test_every_text_of_an_inventory_has_a_form():
    texts = {
        name
        for name, option in OPTIONS.items()
        if "choices" not in option and {option.get("type"), option.get("elements")} & {"str", "path"}
    }
    assert sorted(name for name in texts - JUDGED_ELSEWHERE if not kind(name)) == []


def test_every_form_is_that_of_a_variable():
    assert sorted({path.partition(".")[0] for path in FORMS} - {*OPTIONS, *SHARED}) == []


@pytest.mark.parametrize("host", ["10023", "1e3", "1e-3", "2026-01-31", "0x10", "no", "true", "null"])
def test_a_host_name_that_yaml_reads_as_another_type_is_refused(host):
    assert only(validate(site(hosts=["cp-1", host]))).what == "inventory_hostname"


@pytest.mark.parametrize("host", ["w" * 64, "Worker-1", "worker 1", "wörker", "worker-", ""])
def test_a_host_name_that_dns_does_not_take_is_refused(host):
    assert only(validate(site(hosts=["cp-1", host]))).what == "inventory_hostname"


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("platform_api_load_balancer", "lb.example.com:6443", "lb.example.com:6443"),
        ("platform_api_load_balancer", "https://lb.example.com", "https://lb.example.com"),
        ("platform_name", "Example_Site-Production-Cluster-Number-1", "Example_Site-Production-Cluster-Number-1"),
        ("platform_name", "example-berlin-1", "example-berlin-1"),
        ("platform_name", 123, "123"),
        ("platform_domain", "Example_Org", "Example_Org"),
        ("platform_cluster_domain", "cluster.local.", "cluster.local."),
        ("platform_api_port", "64430 ", '"64430 "'),
        ("platform_api_port", 99999, "99999"),
        ("platform_api_port", True, "True"),
        ("platform_interface", "eth0; reboot", "eth0; reboot"),
        ("platform_state_dir", "/srv/my site", "/srv/my site"),
        ("storage_path", "data", "data"),
        ("firewall_ssh_from", ["10.0.0.0/8", "office"], "office"),
        ("firewall_ssh_from", "10.0.0.0/8", "10.0.0.0/8"),
        ("kubelet_shutdown_grace_period", "60", "60"),
        ("kubelet_max_pods", -1, "-1"),
        ("kubelet_max_pods", 1.5, "1.5"),
        ("redis_storage", "20", "20"),
        ("redis_backup_schedule", "hourly", "hourly"),
        ("time_sync_servers", ["ntp.example\nallow"], '"ntp.example\\nallow"'),
        ("base_swap_off", "maybe", "maybe"),
        ("kubeadm_pod_security_default", "strict", "strict"),
        ("minio_storage", None, "nothing (null)"),
        ("gateway_image", "gateway:2.1", "gateway:2.1"),
        ("voice_service_turn_url", "https://turn.example.com", "https://turn.example.com"),
    ],
)
def test_a_value_of_another_form_is_refused(name, value, found):
    finding = only(validate(site(**{name: value})))
    assert (finding.host, finding.what) == ("site", name)
    assert found in finding.found and finding.wanted and finding.fatal


@pytest.mark.parametrize(
    ("name", "value", "what", "said"),
    [
        ("containerd_proxy", {"htps": "http://proxy.example.com"}, "containerd_proxy", "htps"),
        ("containerd_proxy", {"https": "proxy.example.com:3128"}, "containerd_proxy.https", "proxy.example.com:3128"),
        (
            "containerd_registry_mirrors",
            {"docker.io": [{"url": "https://a.example", "user": "u"}]},
            "containerd_registry_mirrors.docker.io",
            "user",
        ),
        ("artifacts_versions", {"kubernetes": "1.36.4", "rediss": "8"}, "artifacts_versions", "Did you mean redis?"),
        ("platform_namespaces", {**SHARED["platform_namespaces"], "storrage": "x"}, "platform_namespaces", "Did you mean storage?"),
        ("platform_namespaces", NAMESPACES, "platform_namespaces", "no key storage"),
        ("data_disks_devices", [{"device": "/dev/sdb", "wipe": "no"}], "data_disks_devices.wipe", "the text no"),
        ("node_labels_extra", {"zone": "a b"}, "node_labels_extra.zone", "a b"),
        ("kubeadm_api_extra_args", {"v": 'a"b'}, "kubeadm_api_extra_args.v", 'a"b'),
    ],
)
def test_what_a_dict_holds_is_judged_too(name, value, what, said):
    finding = only(validate(site(**{name: value})))
    assert finding.what == what and said in " ".join(finding.cells())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("platform_api_load_balancer", "lb.example.com"),
        ("containerd_proxy", {"http": "", "https": "http://svc:p%40ss@proxy.example.com:3128", "no_proxy": ".example.com,10.0.0.0/8"}),
        ("containerd_registry_mirrors", {"docker.io": [{"url": "https://harbor.example.com/v2/hub", "override_path": True}]}),
        ("base_swap_off", "false"),
        ("gateway_image", f"registry.example.com:5000/own/gateway:2.1@sha256:{'a' * 64}"),
        ("voice_service_turn_url", "turn:turn.example.com:3478?transport=udp"),
        ("kubelet_max_pods", "110"),
        ("firewall_rules_extra", [{"name": "web", "from": ["@nodes", "10.0.0.1"], "tcp": ["80", "8000-8100"]}]),
        ("postgresql_restore_moment", "2026-01-31 18:00:00+00"),
        ("site_office", "anything at all"),
        ("ansible_port", 2222),
    ],
)
def test_a_right_value_passes(name, value):
    assert validate(site(**{name: value})) == []


def test_a_password_in_a_url_is_not_shown():
    finding = only(validate(site(minio_console_url="https://u:secret@console.example.com:99999")))
    assert "secret" not in finding.found and "console.example.com" in finding.found


def test_an_unknown_variable_is_refused_with_the_nearest_name():
    finding = only(validate(site(platform_pod_cdir="10.50.0.0/16")))
    assert (finding.host, finding.what, finding.remedy) == ("site", "platform_pod_cdir", "Did you mean platform_pod_cidr?")


def test_an_unknown_variable_of_one_node_names_it():
    finding = only(validate(with_host("worker-1", kubelet_max_podz=20)))
    assert (finding.host, finding.what) == ("worker-1", "kubelet_max_podz")


def test_an_unknown_variable_without_a_near_one_says_how_to_keep_it():
    assert "begins with site_" in only(validate(site(colour="blue"))).remedy


def test_a_value_in_the_inventorys_group_all_is_refused():
    finding = only(validate(replace(site(), lost={"platform_domain"})))
    assert finding.what == "platform_domain" and "group_vars/site/" in finding.wanted


def test_a_value_of_a_node_is_judged_unless_it_is_the_sites():
    assert only(validate(with_host("worker-1", kubelet_max_pods="many"))).host == "worker-1"
    same = site(kubelet_max_pods="many")
    same.hosts["worker-1"]["kubelet_max_pods"] = "many"
    assert only(validate(same)).host == "site"


def test_what_documents_and_messages_tell_to_give_on_the_command_line_is_known(project):
    command = ["git", "grep", "-ohE", r"(-e|--extra-vars)[ =]['\"]?[a-z_]{2,}=", "--", ".", ":!tests"]
    told = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout
    names = set(re.findall(r"(\w+)=$", told, re.MULTILINE))
    assert {"confirm", "resume"} <= names
    found = validate(replace(site(), given={"site": names}))
    assert [finding.what for finding in found if finding.found == "a variable that nothing reads"] == []
