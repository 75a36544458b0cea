"""Cluster DNS runs on two nodes, so that one may go."""


def test_replicas_are_on_different_nodes(objects):
    pods = objects("pods --namespace kube-system --selector k8s-app=kube-dns --field-selector status.phase=Running")
    hosts = [pod["spec"]["nodeName"] for pod in pods]
    assert len(hosts) >= 2 and len(set(hosts)) == len(hosts)


def test_a_drain_leaves_one(objects):
    status = objects("poddisruptionbudget coredns --namespace kube-system")["status"]
    assert status["disruptionsAllowed"] == 1


def test_kubeadm_keeps_the_rest(objects):
    (container,) = objects("deployment coredns --namespace kube-system")["spec"]["template"]["spec"]["containers"]
    assert container["image"] and container["readinessProbe"]
