"""The lookup service and the table that it reads."""

from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar

ROOT = Path(__file__).parents[2]
TABLES = ROOT / "group_vars" / "all"
VARIABLES = {
    "platform_cluster_domain": "cluster.local",
    "platform_namespaces": yaml.safe_load((TABLES / "platform.yml").read_text())["platform_namespaces"],
    "services": yaml.safe_load((TABLES / "services.yml").read_text())["services"],
}


def look_up(name, **changes):
    variables = VARIABLES | changes
    lookup_loader.add_directory(str(ROOT / "plugins" / "lookup"))
    lookup = lookup_loader.get("service", loader=DataLoader(), templar=Templar(DataLoader(), variables))
    return lookup.run([name], variables)[0]


def test_full_names():
    redis = look_up("redis")
    assert redis["host"] == "redis.voicehelper-storage.svc.cluster.local"
    assert redis["address"] == "redis.voicehelper-storage.svc.cluster.local:6379"
    assert redis["namespace"] == "voicehelper-storage"


def test_names_of_a_certificate():
    assert "minio.voicehelper-storage.svc" in look_up("minio")["names"]
    assert "*.minio.voicehelper-storage.svc.cluster.local" in look_up("minio")["names"]
    assert not [name for name in look_up("minio-client")["names"] if name.startswith("*")]


def test_addresses_of_the_pods():
    pods = look_up("kafka")["pods"]
    assert pods[0] == "kafka-0.kafka.voicehelper-storage.svc.cluster.local:9092" and len(pods) == 3


def test_unknown_service():
    with pytest.raises(AnsibleLookupError, match="found no 'mysql' in services; wanted one of"):
        look_up("mysql")


def test_unknown_namespace():
    with pytest.raises(AnsibleLookupError, match=r"services\.x.namespace: found 'nowhere'; wanted one of"):
        look_up("x", services={"x": {"namespace": "nowhere", "port": 1}})


@pytest.mark.parametrize("name", VARIABLES["services"])
def test_every_service_has_a_namespace_and_a_port(name):
    assert look_up(name)["port"] > 0
