"""A topology is read from its inventory, and what does not fit a lab is refused by name."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
import yaml

from lab import topology
from lab.state import LabError, Paths

COUNTS = {"lab": (1, 2), "minimal": (1, 2), "recommended": (3, 6), "prod": (3, 9)}


@pytest.fixture
def paths(tmp_path, monkeypatch):
    monkeypatch.setenv("VOICEHELPER_LAB_STATE", str(tmp_path / "state"))
    return Paths.of


@pytest.fixture
def inventory(tmp_path):
    """Writes an inventory of nodes (name → host variables) and reads it as a topology."""

    def read(nodes: dict[str, dict], **site: str) -> topology.Topology:
        site = {"platform_node_cidr": "10.7.0.0/24", "lab_depot_address": "10.7.0.2"} | site
        tree = {"site": {"children": {"nodes": {"children": {"workers": {"hosts": nodes}}}}}}
        variables = tmp_path / "group_vars/site/site.yml"
        variables.parent.mkdir(parents=True)
        variables.write_text(yaml.safe_dump(site))
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump(tree))
        return topology.read("own", tmp_path)

    return read


def test_every_site_is_a_topology():
    assert set(topology.names()) == set(COUNTS)


@pytest.mark.parametrize(("name", "counts"), COUNTS.items())
def test_nodes_are_those_of_the_inventory(paths, name, counts):
    found = topology.load(paths(name))
    roles = [node.role for node in found.nodes]
    assert (roles.count("control_plane"), roles.count("worker")) == counts
    assert all(ipaddress.IPv4Address(node.address) in found.network for node in found.nodes)
    assert all(node.disks and node.disk_size for node in found.nodes)
    assert found.depot_address == str(found.network[2])


def test_topologies_do_not_share_addresses_or_names(paths):
    nodes = [node for name in COUNTS for node in topology.load(paths(name)).nodes]
    assert len({node.address for node in nodes}) == len({node.name for node in nodes}) == len(nodes)


def test_another_site_borrows_the_variables_of_the_lab(paths):
    found = topology.load(paths("recommended"))
    linked = {
        str(link.relative_to(found.inventory)): link.readlink().relative_to(topology.INVENTORIES)
        for link in found.inventory.rglob("*")
        if link.is_symlink()
    }
    assert linked == {
        "hosts.yml": Path("recommended/hosts.yml"),
        "group_vars/site/10-site.yml": Path("recommended/group_vars/site/site.yml"),
        "group_vars/site/20-lab.yml": Path("lab/group_vars/site/lab.yml"),
    }


def test_extra_workers_follow_the_last_one_and_are_remembered(paths):
    plain = topology.load(paths("minimal"))
    more = topology.load(paths("minimal"), {"workers": 2})
    added = [node for node in more.nodes if node not in plain.nodes]
    assert [(node.name, node.address) for node in added] == [
        ("minimal-worker-3", "10.91.0.23"),
        ("minimal-worker-4", "10.91.0.24"),
    ]
    assert topology.load(paths("minimal")) == more
    assert topology.load(paths("minimal"), {"workers": 0}) == plain


def test_extra_workers_of_the_lab_join_the_same_cluster(paths):
    found = topology.load(paths("lab"), {"workers": 1})
    assert len(found.nodes) == 4
    assert (found.inventory / "credentials").resolve() == topology.INVENTORIES / "lab/credentials"
    assert topology.load(paths("lab"), {"workers": 0}).inventory == topology.INVENTORIES / "lab"


def test_a_lab_that_another_clone_runs_is_not_taken_from_it(paths, tmp_path):
    others = tmp_path / "clone/inventories/lab/credentials"
    others.mkdir(parents=True)
    link = topology.load(paths("lab"), {"workers": 1}).inventory / "credentials"
    link.unlink()
    link.symlink_to(others)
    assert topology.load(paths("lab")).inventory == link.parent, "a clone that has no cluster keeps nobody away"
    link.unlink()
    link.symlink_to(others)
    (others / "kubeconfig").touch()
    with pytest.raises(LabError, match=f"that {tmp_path}/clone runs.*lab down"):
        topology.load(paths("lab"))
    assert link.resolve() == others


def test_more_control_planes_follow_the_first_and_workers_stay_as_many(paths):
    topology.load(paths("lab"), {"workers": 1})
    found = topology.load(paths("lab"), {"control_plane": 2})
    planes = [(node.name, node.address) for node in found.nodes if node.role == "control_plane"]
    assert planes == [("lab-cp-1", "10.90.0.11"), ("lab-cp-2", "10.90.0.12"), ("lab-cp-3", "10.90.0.13")]
    assert len(found.nodes) == 6
    assert len(topology.load(paths("lab"), {"workers": 0}).nodes) == 5


def test_a_node_is_found_by_its_short_name(paths):
    found = topology.load(paths("lab"))
    assert found.node("worker-1") is found.node("lab-worker-1")
    with pytest.raises(LabError, match=r"no node 'worker-9'.*lab-cp-1"):
        found.node("worker-9")


def test_an_unknown_topology_is_refused(paths):
    with pytest.raises(LabError, match=r"unknown topology 'huge'; known: lab, minimal, prod, recommended"):
        topology.load(paths("huge"))


def test_what_a_host_says_of_itself_is_kept(inventory):
    disks = [{"device": "/dev/sdb"}, {"device": "/dev/sdc"}]
    (node,) = inventory(
        {"n1": {"ansible_host": "10.7.0.9", "lab_release": "bookworm", "data_disks_devices": disks, "lab_data_disk_size": "3G"}}
    ).nodes
    assert node == topology.Node("n1", "10.7.0.9", "worker", "bookworm", ("/dev/sdb", "/dev/sdc"), 3 * 2**30)


@pytest.mark.parametrize(
    ("nodes", "site", "message"),
    [
        ({}, {}, "group nodes has no host"),
        ({"n1": {}}, {}, "n1: ansible_host: '' is no IPv4 address"),
        ({"n1": {"ansible_host": "10.8.0.9"}}, {}, "n1: ansible_host: 10.8.0.9 lies outside platform_node_cidr 10.7.0.0/24"),
        ({"n1": {"ansible_host": "10.7.0.1"}}, {}, "n1: ansible_host: 10.7.0.1 is taken by the gateway"),
        ({"n1": {"ansible_host": "10.7.0.2"}}, {}, "n1: ansible_host: 10.7.0.2 is taken by the depot"),
        ({name: {"ansible_host": "10.7.0.9"} for name in ("n1", "n2")}, {}, "n2: ansible_host: 10.7.0.9 is taken by n1"),
        ({"n1": {"ansible_host": "10.7.0.9"}}, {"platform_node_cidr": "10.7.0.0/240"}, "platform_node_cidr: "),
        ({"n1": {"ansible_host": "10.7.0.9", "lab_data_disk_size": "big"}}, {}, "lab_data_disk_size: 'big' is no size"),
    ],
)
def test_bad_input_names_host_and_variable(inventory, nodes, site, message):
    with pytest.raises(LabError) as error:
        inventory(nodes, **site)
    assert message in str(error.value)
