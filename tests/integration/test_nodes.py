"""Operations on nodes refuse by name what would harm, before any machine is asked; every run refuses an inventory that lacks a node."""

from __future__ import annotations

import json
import os

import pytest
import yaml

from plugins.filter import storage
from tests.scenarios import PROJECT

SITE = {
    "platform_size": "minimal",
    "platform_node_cidr": "10.0.0.0/24",
    "platform_api_vip": "10.0.0.10",
    "platform_load_balancer_pool": {"start": "10.0.0.200", "stop": "10.0.0.239"},
}
NUMBERS = {"cp-1": 11, "cp-2": 12, "worker-1": 21, "worker-2": 22, "gone-1": 23, "gone-2": 24}
ADDRESSES = {name: f"10.0.0.{number}" for name, number in NUMBERS.items()}


@pytest.fixture
def run(site, api, play):
    """Run a playbook on the controller of a site whose cluster has these nodes, with what their labels say; code and words."""

    def go(playbook, *options, there=("cp-1", "worker-1", "worker-2"), labels=None, planes=("cp-1",)):
        hosts = {name: {"ansible_host": ADDRESSES[name]} for name in ("worker-1", "worker-2")}
        inventory = site({name: {"ansible_host": ADDRESSES[name]} for name in planes}, hosts, **SITE)
        (inventory / "credentials").mkdir(mode=0o700)
        api(inventory / "credentials/kubeconfig")
        for name in there:
            meta = {"name": name, "labels": (labels or {}).get(name, {})}
            status = {"addresses": [{"type": "InternalIP", "address": ADDRESSES[name]}]}
            api.objects[f"/api/v1/nodes/{name}"] = {"apiVersion": "v1", "kind": "Node", "metadata": meta, "status": status}
        before = {path: item for path, item in api.objects.items() if "/nodes/" in path}
        words = [word for option in options for word in ("-e", option)]
        done = play(
            inventory,
            f"playbooks/{playbook}.yml",
            "--limit=localhost",
            "-e",
            "require_cluster_timeout=5",
            "-e",
            "maintenance_settle_timeout=0",
            *words,
        )
        assert {path: item for path, item in api.objects.items() if "/nodes/" in path} == before, "a node was changed"
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    return go


HALF_WAY = {"worker-1": {"voicehelper.local/maintenance": "return-wipe"}}


@pytest.mark.parametrize(
    ("playbook", "options", "there", "said"),
    [
        ("reprovision", [], (), "site: node: found nothing, wanted one of cp-1, worker-1, worker-2"),
        ("reprovision", ["node=worker-9", "data=keep"], (), "worker-9: node: found a name that is not in the cluster"),
        ("reprovision", ["node=worker-2"], (), "worker-2: data: found nothing, wanted -e data=keep"),
        ("reprovision", ["node=worker-2", "data=all"], (), "worker-2: data: found all, wanted -e data=keep"),
        ("reprovision", ["node=worker-1", "data=keep"], (), "that is to be finished as it was begun: return-wipe"),
        ("reprovision", ["node=gone-1", "data=keep"], ("gone-1",), "gone-1: node: found no such host in the inventory"),
        ("scale", ["remove=worker-2"], (), "worker-2: remove: found a node that the inventory has"),
        ("scale", ["remove=worker-9"], (), "worker-9: remove: found a name that is not in the cluster"),
        ("scale", [], ("gone-1",), "gone-1: found in the cluster and not in the inventory"),
        ("scale", ["remove=gone-1"], ("gone-1", "gone-2"), "gone-2: found in the cluster and not in the inventory"),
    ],
)
def test_what_would_harm_is_refused_by_name(run, playbook, options, there, said):
    code, text = run(playbook, *options, there=("cp-1", "worker-1", "worker-2", *there), labels=HALF_WAY)
    assert code != 0 and said in text and "Nothing was changed" in text, text


def test_a_second_control_plane_does_not_come_while_a_node_goes(run):
    code, text = run("scale", "remove=gone-1", planes=("cp-1", "cp-2"), there=("cp-1", "worker-1", "worker-2", "gone-1"))
    assert code != 0 and "cp-2: found 2 control planes in the inventory" in text and "Nothing was changed" in text, text


def test_every_run_refuses_an_inventory_that_lacks_a_node(run):
    code, text = run("provision", there=("cp-1", "worker-1", "worker-2", "gone-1"))
    assert code != 0 and "gone-1: found in the cluster and not in the inventory" in text and "scale.yml -e remove=gone-1" in text, text


def test_a_node_that_goes_is_out_of_the_cluster_before_what_runs_on_every_node_is_awaited():
    plays = yaml.safe_load((PROJECT / "playbooks/scale.yml").read_text())
    awaited = next(place for place, play in enumerate(plays) if play.get("import_playbook") == "kubernetes.yml")
    dropped = [place for place, play in enumerate(plays) if "drop.yml" in str(play)]
    assert dropped and max(dropped) < awaited


FIT = [
    {
        "hosts": "controller",
        "gather_facts": False,
        "tasks": [
            {"ansible.builtin.include_role": {"name": "maintenance", "tasks_from": "fit.yml"}},
            {
                "ansible.builtin.copy": {
                    "content": "{{ groups | to_json }}",
                    "dest": "{{ told }}",
                    "mode": "0600",
                }
            },
        ],
    }
]


@pytest.mark.parametrize(
    ("missing", "claim", "looked_at"),
    [
        ("", "", []),  # the others have all volumes of their own
        ("worker-1", "", ["worker-1"]),
        ("", "voicehelper-storage/data-minio-3", ["cp-1", "worker-1", "worker-2"]),  # it binds anywhere
    ],
)
def test_disks_that_get_volumes_of_a_node_that_leaves_are_looked_at(run, api, tmp_path, missing, claim, looked_at):
    def live(volume, owner=""):
        namespace, _, name = owner.partition("/")
        place = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [volume["node"]]}]}
        spec = {
            "capacity": {"storage": volume["size"]},
            "local": {"path": volume["path"]},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [place]}},
            **({"claimRef": {"namespace": namespace, "name": name}} if owner else {}),
        }
        meta = {"name": volume["name"], "labels": {"voicehelper.local/system": volume["system"]}}
        item = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": spec, "status": {"phase": "Available"}}
        api.objects[f"/api/v1/persistentvolumes/{volume['name']}"] = item

    sizing = yaml.safe_load((PROJECT / "group_vars/all/sizing.yml").read_text())["sizing_classes"]
    systems = storage.data_systems(sizing, {"postgresql": "postgres", "faiss_service": "faiss"})
    volumes = storage.static_volumes(systems, sizing["minimal"], ["cp-1", "worker-1", "worker-2"], "/data")
    for volume in volumes:
        if volume["node"] != missing:
            live(volume)
    live({**volumes[0], "node": "gone-1", "name": "minio-gone-1-0"}, claim)
    (tmp_path / "fit.yml").write_text(yaml.safe_dump(FIT))
    book = os.path.relpath(tmp_path / "fit", PROJECT / "playbooks")
    options = ["remove=gone-1", "maintenance_remove=gone-1", f"told={tmp_path / 'told.json'}"]
    code, text = run(book, *options, there=("cp-1", "worker-1", "worker-2", "gone-1"))
    assert code == 0, text
    groups = json.loads((tmp_path / "told.json").read_text())
    assert sorted(set(groups["left_alone"]) - set(groups.get("disks_left_alone", []))) == looked_at
