"""What no schema says: objects of a site must fit one another, and keep to the rules that every workload follows."""

from __future__ import annotations

import base64
from collections import Counter

import pytest
import yaml

from tests.render.rendering import BUNDLES, PROJECT
from tests.render.workloads import WORKLOADS, containers, label, namespace, of_kind, pod, references, selects, template

CLUSTER_OBJECTS = {"kube-root-ca.crt"}  # in every namespace
CLUSTER_NAMESPACES = {"kube-system", "default", "kube-public", "kube-node-lease"}
# Pods of the machinery below the platform, with rights that Pod Security `restricted` has no room for.
MACHINERY = {"kube-system", "local-path-storage"}
RESTORE = "voicehelper-restore"  # playbooks/restore.yml makes it with what its jobs refer to


@pytest.fixture(scope="session")
def objects(site):
    return site.objects


@pytest.fixture(scope="session")
def workloads(objects):
    """Every object that makes pods, by `kind/name`."""
    return {label(item): item for item in objects if item["kind"] in WORKLOADS}


def quantity(text):
    units = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
    return float(text[:-2]) * units[text[-2:]] if text[-2:] in units else float(text)


def test_no_object_belongs_to_two_bundles(objects):
    counted = Counter((item["apiVersion"], label(item), namespace(item)) for item in objects)
    assert not {name: count for name, count in counted.items() if count > 1}


def test_namespaces_exist(objects):
    known = {item["metadata"]["name"] for item in of_kind(objects, "Namespace")} | CLUSTER_NAMESPACES
    assert not [label(item) for item in objects if namespace(item) and namespace(item) not in known]


def test_every_namespace_carries_its_name(objects):
    assert not [item for item in of_kind(objects, "Namespace") if item["metadata"]["labels"].get("name") != item["metadata"]["name"]]


def test_services_find_pods(objects, workloads):
    """By the application's name; other labels may be given to running pods, as to the leader of a database."""
    for service in of_kind(objects, "Service"):
        name = service["spec"].get("selector", {}).get("app.kubernetes.io/name")
        templates = [template(w)["metadata"]["labels"] for w in workloads.values() if namespace(w) == namespace(service)]
        assert not name or any(found.get("app.kubernetes.io/name") == name for found in templates), label(service)


def test_selectors_match_their_own_template(workloads):
    for name, item in workloads.items():
        wanted = item["spec"].get("selector", {}).get("matchLabels", {})
        assert selects(wanted, template(item)["metadata"]["labels"]), name


def test_what_pods_refer_to_exists(objects, workloads):
    there = {(item["kind"], namespace(item), item["metadata"]["name"]) for item in objects}
    missing = []
    for name, item in workloads.items():
        if namespace(item) == RESTORE:
            continue
        wanted = references(item)
        wanted -= {("ServiceAccount", "default"), *(("ConfigMap", given) for given in CLUSTER_OBJECTS)}
        missing += [(name, kind, other) for kind, other in wanted if (kind, namespace(item), other) not in there]
    assert not missing


def handed_over(site, role):
    """Names of the Secrets that a role's tasks hand over; of a stateless service, what it says in `<role>_secrets`."""
    tasks = PROJECT / "roles" / role / "tasks/main.yml"
    if not tasks.exists():
        return site.value(f"{{{{ query('role_data', '{role}', data='secrets', default=[]) | flatten }}}}")
    given = [task.get("vars", {}) for task in yaml.safe_load(tasks.read_text())]
    return [name for key in ("component_secrets", "platform_secrets_names") for found in given for name in found.get(key, [])]


def test_a_role_hands_its_pods_what_they_read_before_it_rolls_them_for_it(site):
    """Otherwise its tag alone would start pods with the old Secret and mark them as having the new one."""
    made, lacking = set(site.value("{{ platform_secrets_objects.keys() | list }}", "platform_secrets")), []
    for bundle in BUNDLES:
        handed = set(handed_over(site, bundle.role))
        for item in site.documents(bundle):
            if item["kind"] in WORKLOADS and namespace(item) != RESTORE:
                read = {name for kind, name in references(item) if kind == "Secret"}
                lacking += [(bundle.role, label(item), name) for name in (read & made) - handed]
    assert not lacking


def test_no_secret_lies_outside_a_secret(site, objects):
    values = {base64.b64decode(value) for item in of_kind(objects, "Secret") for value in item.get("data", {}).values()}
    secrets = {value.decode() for value in values if len(value) > 12 and b"-----BEGIN CERTIFICATE" not in value}
    for item in site.value("{{ platform_secrets_objects }}", "platform_secrets").values():
        secrets -= {str(value) for value in item.get("plain", {}).values()}
    for item in objects:
        if item["kind"] != "Secret":
            text = yaml.safe_dump(item)
            assert not [1 for secret in secrets if secret in text], label(item)


def test_every_container_states_what_it_takes(workloads):
    for name, item in workloads.items():
        for container in containers(item):
            resources = container.get("resources", {})
            where = f"{name} {container['name']}"
            assert {"cpu", "memory"} <= set(resources.get("requests", {})), where
            assert "memory" in resources.get("limits", {}), where


def test_no_service_of_the_platform_opens_a_port_on_every_node(objects):
    quotas = of_kind(objects, "ResourceQuota")
    assert quotas and all(quota["spec"]["hard"]["services.nodeports"] == "0" for quota in quotas)
    assert all(service["spec"].get("type", "ClusterIP") == "ClusterIP" for service in of_kind(objects, "Service"))


def test_images_have_a_version_and_go_by_digest(workloads):
    for name, item in workloads.items():
        for image in (c["image"] for c in pod(item).get("initContainers", []) + pod(item)["containers"] if "image" in c):
            tag = image.split("@")[0].rpartition("/")[2].partition(":")[2]
            assert tag not in ("", "latest") and "@sha256:" in image, f"{name} {image}"


def test_pods_run_with_the_least_rights(workloads):
    for name, item in workloads.items():
        if namespace(item) in MACHINERY:
            continue
        whole = pod(item).get("securityContext", {})
        assert whole.get("seccompProfile", {}).get("type") == "RuntimeDefault", name
        for container in containers(item):
            own = {**whole, **container.get("securityContext", {})}
            assert own.get("runAsNonRoot") is True and own.get("runAsUser", 1) != 0, f"{name} {container['name']}"
            assert own.get("allowPrivilegeEscalation") is False, f"{name} {container['name']}"
            assert own.get("readOnlyRootFilesystem") is True, f"{name} {container['name']}"
            assert "ALL" in own.get("capabilities", {}).get("drop", []), f"{name} {container['name']}"


def test_platform_pods_are_reachable_only_as_a_policy_says(objects, workloads):
    policies = of_kind(objects, "NetworkPolicy")
    for name, item in workloads.items():
        labels = template(item)["metadata"]["labels"]
        covering = [
            p for p in policies if namespace(p) == namespace(item) and selects(p["spec"]["podSelector"].get("matchLabels", {}), labels)
        ]
        assert namespace(item) in ("kube-system", RESTORE) or covering, name


def test_long_running_pods_are_probed(workloads):
    for name, item in workloads.items():
        if item["kind"] not in ("Job", "CronJob") and namespace(item) not in MACHINERY:
            assert all({"readinessProbe", "livenessProbe"} & set(container) for container in pod(item)["containers"]), name


def test_several_copies_are_spread_and_never_leave_together(objects, workloads):
    budgets = of_kind(objects, "PodDisruptionBudget")
    for name, item in workloads.items():
        if item["kind"] not in ("Deployment", "StatefulSet") or item["spec"].get("replicas", 1) < 2:
            continue
        labels = template(item)["metadata"]["labels"]
        assert "podAntiAffinity" in pod(item).get("affinity", {}) or pod(item).get("topologySpreadConstraints"), name
        assert [b for b in budgets if namespace(b) == namespace(item) and selects(b["spec"]["selector"]["matchLabels"], labels)], name


def test_every_member_finds_a_static_volume_on_any_node(site, objects, workloads):
    """A claim with a selector is served by no provisioner: a volume too small or missing would leave a pod pending for ever."""
    volumes = of_kind(objects, "PersistentVolume")
    nodes = set(site.value("{{ platform_workload_nodes }}"))
    for name, item in workloads.items():
        for claim in item["spec"].get("volumeClaimTemplates", []):
            wanted = claim["spec"].get("selector", {}).get("matchLabels")
            if not wanted:
                continue
            least = quantity(claim["spec"]["resources"]["requests"]["storage"])
            fitting = [
                v for v in volumes if selects(wanted, v["metadata"]["labels"]) and quantity(v["spec"]["capacity"]["storage"]) >= least
            ]
            where = [v["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]["values"][0] for v in fitting]
            assert set(where) == nodes, f"{name} {claim['metadata']['name']}: {where}"
            assert len(fitting) >= item["spec"]["replicas"], name


def test_static_volumes_share_no_directory(objects):
    written = [v["spec"] for v in of_kind(objects, "PersistentVolume") if v["spec"]["accessModes"] != ["ReadOnlyMany"]]
    places = [(spec["local"]["path"], str(spec["nodeAffinity"])) for spec in written if "local" in spec]
    assert len(places) == len(set(places)) > 0
    assert all(v["spec"]["persistentVolumeReclaimPolicy"] == "Retain" for v in of_kind(objects, "PersistentVolume"))


def test_exactly_one_class_is_the_default(objects):
    marks = [c["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] for c in of_kind(objects, "StorageClass")]
    assert marks.count("true") == 1


def test_nobody_is_given_rights_where_a_pod_is_root_on_its_node(objects):
    level = ("pod-security.kubernetes.io/enforce", "privileged")
    privileged = {item["metadata"]["name"] for item in of_kind(objects, "Namespace") if level in item["metadata"]["labels"].items()}
    people = [item for item in of_kind(objects, "RoleBinding") if any(who["kind"] != "ServiceAccount" for who in item["subjects"])]
    assert privileged and people
    assert not privileged & {namespace(item) for item in people}


def test_no_service_takes_an_address_that_nobody_gave_it(objects):
    (policy,) = of_kind(objects, "CiliumL2AnnouncementPolicy")
    assert policy["spec"] == {"loadBalancerIPs": True, "externalIPs": False}
    assert not [label(item) for item in of_kind(objects, "Service") if item["spec"].get("externalIPs")]


def test_a_restore_borrows_no_key_that_may_remove_a_backup(site, workloads):
    entries = [e for item in workloads.values() if namespace(item) == RESTORE for c in containers(item) for e in c.get("env", [])]
    borrowed = {entry["valueFrom"]["secretKeyRef"]["name"] for entry in entries if "secretKeyRef" in entry.get("valueFrom", {})}
    assert borrowed <= {"restore-s3"}
    (user,) = [user for user in site.value("{{ minio_users }}", role="minio") if user["name"] == "restore"]
    assert [place["folder"] for place in user["buckets"] if place.get("write")] == ["postgresql/moments"]


def test_who_reaches_an_encrypted_repository_has_its_password(objects, workloads):
    configured = [text for item in of_kind(objects, "ConfigMap") for text in item.get("data", {}).values() if "repo1-s3-bucket=" in text]
    assert all("repo1-cipher-type=aes-256-cbc" in text for text in configured)
    names = [{entry["name"] for entry in c.get("env", [])} for item in workloads.values() for c in containers(item)]
    reaching = [found for found in names if "PGBACKREST_REPO1_S3_KEY" in found]
    assert all("PGBACKREST_REPO1_CIPHER_PASS" in found for found in reaching)
    assert bool(configured) == bool(reaching)
