"""What nodes and pods use, as the metrics API tells."""

import json

from reach import addresses


def test_every_node_is_measured(kubectl):
    items = json.loads(kubectl("get --raw /apis/metrics.k8s.io/v1beta1/nodes"))["items"]
    assert {item["metadata"]["name"] for item in items} == set(addresses())
    assert all(item["usage"]["memory"] not in ("0", "") for item in items)


def test_pods_are_measured(kubectl):
    assert kubectl("top pods --namespace kube-system --no-headers").splitlines()


def test_it_trusts_kubelets_by_their_certificates(objects):
    (container,) = objects("deployment metrics-server --namespace kube-system")["spec"]["template"]["spec"]["containers"]
    assert not [argument for argument in container["args"] if "insecure" in argument]


def test_the_api_trusts_it_by_its_certificate(objects):
    service = objects("apiservice v1beta1.metrics.k8s.io")
    assert not service["spec"].get("insecureSkipTLSVerify") and service["spec"]["caBundle"]
    assert {c["type"]: c["status"] for c in service["status"]["conditions"]}["Available"] == "True"
