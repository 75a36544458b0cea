"""The packet filter, tried from outside: this test's machine is on the node's network but is no node."""

import json
import os
import socket
import time
from functools import partial
from pathlib import Path

import pytest
from node import lab_of

OPEN, CLOSED = 8080, 30080  # that of a NodePort is not open by itself either
RULES = "/etc/voicehelper/firewall.nft"
PROVEN = f"{RULES}.proven"


@pytest.fixture(scope="module")
def lab():
    """The machine from outside: its power."""
    return lab_of(f"molecule-{os.environ['MOLECULE_SCENARIO_NAME']}", "trixie", Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "lab"))


@pytest.fixture(scope="module")
def address():
    """The machine's address, as molecule knows it."""
    return json.loads(Path(os.environ["MOLECULE_INSTANCE_CONFIG"]).read_text())[0]["address"]


@pytest.fixture(scope="module")
def servers(host):
    """One server on a port that rules allow, one on a port that none names."""
    for port in (OPEN, CLOSED, 10250):
        host.check_output(f"systemd-run --quiet --collect --unit=listen-{port} python3 -m http.server {port}")
    host.check_output("sleep 2")
    yield
    host.run("systemctl stop 'listen-*'")


def answers(address, port):
    """Whether a connection from here comes through."""
    try:
        socket.create_connection((address, port), timeout=3).close()
    except OSError:
        return False
    return True


def ruleset(host):
    """The objects of nft's JSON listing."""
    return json.loads(host.check_output("nft --json list table inet voicehelper"))["nftables"]


def test_rules_are_loaded_now_and_at_boot(host):
    assert host.service("voicehelper-firewall").is_running
    assert host.service("voicehelper-firewall").is_enabled
    chain = next(entry["chain"] for entry in ruleset(host) if "chain" in entry)
    assert (chain["hook"], chain["policy"]) == ("input", "drop")


def test_ssh_is_never_cut(address):
    assert answers(address, 22)


@pytest.mark.usefixtures("servers")
def test_a_port_that_a_rule_names_is_reached(address):
    assert answers(address, OPEN)


@pytest.mark.usefixtures("servers")
def test_a_port_that_no_rule_names_is_not(address):
    assert not answers(address, CLOSED)


@pytest.mark.usefixtures("servers")
def test_the_kubelet_is_for_nodes_and_pods_alone(address):
    assert not answers(address, 10250)


def test_forwarded_packets_are_left_to_network_policies(host):
    assert all(entry["chain"].get("hook") == "input" for entry in ruleset(host) if "chain" in entry)


def test_tables_of_others_survive_a_reload(host):
    host.check_output("nft add table ip belongs-to-cilium")
    host.check_output("systemctl reload voicehelper-firewall")
    assert "belongs-to-cilium" in host.check_output("nft list tables")
    host.check_output("systemctl stop voicehelper-firewall")
    assert "belongs-to-cilium" in host.check_output("nft list tables")
    assert "voicehelper" not in host.check_output("nft list tables")
    host.check_output("systemctl start voicehelper-firewall")
    host.check_output("nft delete table ip belongs-to-cilium")


def test_the_way_back_is_given_up_once_ssh_is_proved(host):
    assert not host.file(PROVEN).exists


@pytest.fixture
def converge(converge):
    """The same on a machine where the tests' own servers hold the kubelet's port."""
    return partial(converge, preflight_tolerate=["cgroup", "ports"])


def took_over(converge, **variables):
    """A run that loads the rules. Raises AssertionError with what it said when it fails, or loads none."""
    changed, output = converge(**variables)
    assert changed, output


def test_rules_that_are_gone_or_were_changed_by_hand_come_back(host, converge):
    host.check_output("nft delete table inet voicehelper")
    took_over(converge)
    host.check_output("nft add rule inet voicehelper input tcp dport 9999 accept")
    took_over(converge)
    assert "9999" not in host.check_output("nft list table inet voicehelper")
    assert not host.service("voicehelper-firewall-undo.timer").is_running  # late, it would take the next change back
    assert converge()[0] == 0


def test_rules_that_shut_ssh_out_give_way_to_those_before_and_the_next_run_tries_again(host, converge, address):
    proven = host.file(RULES).content
    assert converge(firewall_ssh_from=["192.0.2.1"])[0] is None
    deadline = time.monotonic() + 90
    while not answers(address, 22):
        assert time.monotonic() < deadline, "the way back was not taken"
    assert host.file(RULES).content == proven and not host.file(PROVEN).exists
    assert not answers(address, CLOSED)
    took_over(converge, firewall_log_drops=True)


def test_rules_on_trial_when_the_power_goes_give_way_at_boot(host, converge, address, lab):
    took_over(converge)
    proven = host.file(RULES).content
    host.check_output(f"cp {RULES} {PROVEN} && sed -i /SSH/d {RULES} && sync")
    lab.kill(lab.topology.nodes[0])
    lab.start(lab.topology.nodes[0])
    assert host.file(RULES).content == proven and not host.file(PROVEN).exists
    assert not answers(address, CLOSED)
    assert converge()[0] == 0
