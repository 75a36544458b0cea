"""A claim without a class gets a directory of the node that its pod runs on, and gives it back."""

import json

import pytest

NAMESPACE = "molecule-local-path"
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "claim", "namespace": NAMESPACE},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}},
}


def pod(image, command):
    restricted = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    mounts = [{"name": "data", "mountPath": "/data"}]
    container = {"name": "main", "image": image, "command": ["sh", "-c", command], "securityContext": restricted, "volumeMounts": mounts}
    spec = {
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1234, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "claim"}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod", "namespace": NAMESPACE}, "spec": spec}


@pytest.fixture(scope="module")
def namespace(kubectl):
    kubectl(f"create namespace {NAMESPACE}")
    yield NAMESPACE
    kubectl(f"delete namespace {NAMESPACE} --timeout=90s")


def run(host, kubectl, image, command):
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": [CLAIM, pod(image, command)]})
    host.check_output(f"cat > /tmp/{NAMESPACE}.json <<'END'\n{manifest}\nEND")
    kubectl(f"apply --filename /tmp/{NAMESPACE}.json")
    kubectl(f"wait --namespace {NAMESPACE} pod/pod --for=jsonpath='{{.status.phase}}'=Succeeded --timeout=90s")
    log = kubectl(f"logs --namespace {NAMESPACE} pod")
    kubectl(f"delete --namespace {NAMESPACE} pod/pod --wait")
    return log


def test_data_outlives_the_pod_and_leaves_with_the_claim(host, kubectl, objects, namespace):
    settings = objects("configmap local-path-config --namespace local-path-storage")["data"]["helperPod.yaml"]
    image = next(line.split("image:")[1].strip() for line in settings.splitlines() if "image:" in line)
    run(host, kubectl, image, "echo kept > /data/file")
    assert run(host, kubectl, image, "cat /data/file") == "kept"
    volume = objects(f"persistentvolumeclaim claim --namespace {namespace}")["spec"]["volumeName"]
    assert objects(f"persistentvolume {volume}")["spec"]["local"]["path"].startswith("/data/local-path/")
    kubectl(f"delete --namespace {namespace} persistentvolumeclaim/claim --wait")
    kubectl(f"wait --for=delete persistentvolume/{volume} --timeout=90s")
