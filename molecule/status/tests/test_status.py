"""What the screen's document says of a lab that is well."""

import json

import pytest
import yaml
from reach import CREDENTIALS, REPOSITORY

SYSTEMS = set(yaml.safe_load((REPOSITORY / "group_vars/all/modes.yml").read_text())["deploy_modes"]["full"])


@pytest.fixture(scope="module")
def status():
    return json.loads((CREDENTIALS / "status.json").read_text())


def test_nothing_needs_doing_now(status):
    assert status["ok"], status["tasks"]


def test_every_system_says_that_it_is_whole_and_where_its_members_are(status):
    assert {system["name"] for system in status["systems"]} == SYSTEMS
    assert [system for system in status["systems"] if not system["whole"] or not all(system["members"].values())] == []


def test_nodes_etcd_and_room_are_those_of_the_cluster(status, objects):
    nodes = {item["metadata"]["name"] for item in objects("nodes")}
    assert {node["name"] for node in status["nodes"]} == {room["node"] for room in status["rooms"]} == nodes
    assert status["etcd"]["members"] and all(status["etcd"]["members"].values()) and status["etcd"]["leader"]


def test_every_backup_job_is_there(status):
    assert {"postgresql", "redis", "minio"} <= {backup["system"] for backup in status["backups"]} <= SYSTEMS
