"""A node that comes or goes moves nothing that lives: every object of a running site renders as it was."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.render.rendering import BUNDLES, PROJECT

COUNTING = re.compile(r"groups\[|platform_workload_nodes|storage_volumes")  # what looks at the nodes
PASSING = {"bootstrap-token", "kubelet-csr-approver"}  # the one ends an hour after it was rendered, the other has a table of the nodes


def bound(objects):
    """The site's volumes as its cluster has them: every member and MinIO's mirror on one, member after member over the nodes."""
    volumes = [item | {"status": {"phase": "Available"}} for item in objects if item["kind"] == "PersistentVolume"]
    for name, system in claims(objects):
        free = next(v for v in volumes if "claimRef" not in v["spec"] and v["spec"]["local"]["path"].split("/")[-2] == system)
        free["spec"] = free["spec"] | {"claimRef": {"namespace": "voicehelper-storage", "name": name}}
        free["status"] = {"phase": "Bound"}
    return volumes


def host(volume):
    (term,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    return term["matchExpressions"][0]["values"][0]


def claims(objects):
    """(claim, directory of its system) of all members and of the mirror."""
    yield "minio-mirror", "backup"
    for item in objects:
        if item["kind"] == "StatefulSet":
            (template,) = item["spec"]["volumeClaimTemplates"]
            (system,) = template["spec"]["selector"]["matchLabels"].values()
            for number in range(item["spec"]["replicas"]):
                yield f"data-{item['metadata']['name']}-{number}", system


def looks_at_nodes(role):
    files = [path for part in ("defaults", "vars", "templates") for path in PROJECT.glob(f"roles/{role}/{part}/**/*") if path.is_file()]
    return any(COUNTING.search(path.read_text()) for path in files)


def rendered(site):
    """Objects by kind, namespace and name, of the bundles that nodes may have a say in."""
    objects = [item for bundle in BUNDLES if looks_at_nodes(bundle.role) for item in site.documents(bundle)]
    named = {(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]): item for item in objects}
    return {key: item for key, item in named.items() if not any(key[2].startswith(name) for name in PASSING)}


@pytest.mark.parametrize(
    ("name", "comes", "goes"),
    [
        ("minimal", "worker-8", ""),  # the third worker: new volumes no longer go to the control plane
        ("recommended", "worker-8", ""),
        ("recommended", "", "recommended-worker-6"),  # the last one, where a new site puts the mirror
    ],
)
def test_what_lives_renders_as_it_was(make_site, name, comes, goes):
    site = make_site(name)
    running, changed = (site.changed(storage_live=bound(site.objects)) for _ in range(2))
    if comes:
        changed.add_node(comes)
    if goes:
        changed.remove_node(goes)
    before, after = rendered(running), rendered(changed)
    assert {key: item for key, item in before.items() if after.get(key) != item} == {}
    new = [name for kind, _, name in after.keys() - before.keys() if kind == "PersistentVolume"]
    assert not comes or (new and all(comes in volume for volume in new))  # where one goes, its members need room on the others


@pytest.mark.parametrize("name", ["minimal", "recommended", "prod"])
def test_members_may_start_again_where_their_volumes_hold_them_though_a_machine_without_any_came(make_site, name):
    site = make_site(name)
    live = bound(site.objects)
    running = site.changed(storage_live=live)
    running.add_node("worker-8")
    places = {volume["spec"]["claimRef"]["name"]: host(volume) for volume in live if "claimRef" in volume["spec"]}
    found = 0
    for item in rendered(running).values():
        if item["kind"] == "StatefulSet":
            member = f"data-{item['metadata']['name']}-"
            most = max(Counter(node for claim, node in places.items() if claim.startswith(member)).values())
            for rule in item["spec"]["template"]["spec"]["topologySpreadConstraints"]:
                if rule["whenUnsatisfiable"] == "DoNotSchedule":
                    found += 1
                    assert most <= rule["maxSkew"], f"{member}: {most} on one node, and none on the new one"
    assert found
