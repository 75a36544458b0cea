"""Commands of the deployment guide, word for word as an operator types them into a shell."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.chaos.cluster import NAMESPACE, kubectl, lab, members, objects


@pytest.fixture
def type_in(tmp_path):
    """Gives a function that runs a line in an empty folder and gives what it prints. It raises AssertionError when the line fails."""
    credentials = (lab().topology.inventory / "credentials").resolve()
    environment = {
        **os.environ,
        "KUBECONFIG": str(credentials / "kubeconfig"),
        "PATH": f"{credentials / 'bin'}:{os.environ['PATH']}",
    }

    def call(line: str) -> str:
        done = subprocess.run(line, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    return call


def test_dump_of_postgresql(type_in, tmp_path: Path):
    type_in("kubectl exec -n voicehelper-storage postgres-master-0 -- pg_dump -U voicehelper voicehelper > backup.sql")
    assert "\n-- PostgreSQL database dump complete\n" in (tmp_path / "backup.sql").read_text()


def test_dump_works_whichever_member_leads():
    pods = members("postgres-master")
    assert pods
    for pod in pods:
        assert "database dump complete" in kubectl("exec", pod.name, "--", "pg_dump", "-U", "voicehelper", "voicehelper")


def test_background_save_of_redis(type_in):
    told = type_in("kubectl exec -n voicehelper-storage redis-cluster-0 -- redis-cli BGSAVE")
    assert told.strip() == "Background saving started"
    for pod in members("redis-cluster")[1:]:
        assert kubectl("exec", pod.name, "--", "redis-cli", "BGSAVE").strip() == "Background saving started"


def test_mirror_of_minio(type_in):
    type_in("kubectl exec -n voicehelper-storage minio-0 -- mc mirror local/voicehelper-data backup/")


@pytest.mark.parametrize("kind", ["pod", "service", "pvc"])
def test_describe(type_in, kind):
    names = [item["metadata"]["name"] for item in objects(kind)]
    assert names and set(names) <= set(type_in(f"kubectl describe {kind} {' '.join(names)} -n {NAMESPACE}").split())


def test_logs_events_and_endpoints(type_in):
    for pod in objects("pods", "--field-selector=status.phase=Running"):
        type_in(f"kubectl logs {pod['metadata']['name']} -n {NAMESPACE} --tail=1")
    for service in objects("services"):
        type_in(f"kubectl get endpoints {service['metadata']['name']} -n {NAMESPACE}")
    type_in(f"kubectl get events -n {NAMESPACE} --sort-by='.lastTimestamp'")


def test_storage_classes_and_volumes(type_in):
    for kind in ("storageclass", "pv"):
        names = [item["metadata"]["name"] for item in objects(kind)]
        assert names and set(names) <= set(type_in(f"kubectl describe {kind} {' '.join(names)}").split())
    assert "Bound" in type_in("kubectl get pv,pvc -A")


def test_scale_as_in_the_guide(type_in):
    """To the number it has, so that the names are proved and nothing moves."""
    for workload in objects("statefulsets"):
        name, replicas = workload["metadata"]["name"], workload["spec"]["replicas"]
        assert "scaled" in type_in(f"kubectl scale statefulset {name} -n {NAMESPACE} --replicas={replicas}")
