"""reset.yml refuses what nobody has asked for by name, and a node of a cluster that lives; it goes on over machines that do not answer."""

from __future__ import annotations

import re

import pytest

SITE = {
    "platform_size": "minimal",
    "platform_node_cidr": "10.0.0.0/24",
    "platform_api_vip": "10.0.0.10",
    "platform_load_balancer_pool": {"start": "10.0.0.200", "stop": "10.0.0.239"},
}
NODE = "/api/v1/nodes/worker-1"


@pytest.fixture
def inventory(site):
    workers = {"worker-1": {"ansible_host": "10.0.0.21"}, "worker-2": {"ansible_host": "10.0.0.22"}}
    return site({"cp-1": {"ansible_host": "10.0.0.11"}}, workers, **SITE)


@pytest.fixture
def reset(inventory, play):
    """Run the playbook on the controller alone: what is refused ends before any machine is asked."""

    def run(*options):
        done = play(inventory, "playbooks/reset.yml", "--limit=localhost", *(word for option in options for word in ("-e", option)))
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    return run


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "site: confirm: found nothing, wanted voicehelper, as this takes the whole cluster away. Nothing was changed"),
        (("confirm=berlin",), "site: confirm: found berlin, wanted voicehelper"),
        (("node=worker-1",), "worker-1: confirm: found nothing, wanted voicehelper, as this takes the machine away"),
        (("node=worker-9", "confirm=voicehelper"), "site: node: found worker-9, wanted one of cp-1, worker-1, worker-2"),
        (("node=worker-1,worker-2", "confirm=voicehelper"), "site: node: found worker-1,worker-2, wanted one of"),
        (("confirm=voicehelper", "wipe_data=yes"), "site: wipe_data: found yes, wanted voicehelper, or nothing to keep the data"),
    ],
)
def test_what_nobody_has_asked_for_is_refused(reset, options, said):
    code, text = reset(*options)
    assert code != 0 and said in text, text


def test_a_node_of_a_cluster_that_lives_is_refused_with_the_ways_round(reset, inventory, api):
    (inventory / "credentials").mkdir(mode=0o700)
    api(inventory / "credentials/kubeconfig")
    api.objects[NODE] = {"kind": "Node", "metadata": {"name": "worker-1"}}
    code, text = reset("confirm=voicehelper", "node=worker-1")
    assert code != 0 and "worker-1: node: found it in the cluster, wanted it out" in text, text
    assert "scale.yml -e remove=worker-1" in text and "reprovision.yml -e node=worker-1" in text
    del api.objects[NODE]
    code, text = reset("confirm=voicehelper", "node=worker-1")
    assert code == 0, text
    assert (inventory / "credentials/kubeconfig").exists(), "the others have a cluster still"


def test_a_cluster_is_forgotten_when_every_machine_is_back(reset, inventory, api):
    kubeconfig = inventory / "credentials/kubeconfig"
    kubeconfig.parent.mkdir(mode=0o700)
    api(kubeconfig)
    code, text = reset("confirm=voicehelper")
    assert code != 0 and "cp-1, worker-1, worker-2: found them not reset" in text and "without:cp-1,without:worker-1" in text, text
    assert kubeconfig.exists()
    code, text = reset("confirm=voicehelper,without:cp-1,without:worker-1,without:worker-2")
    assert code == 0 and not kubeconfig.exists(), text


def test_a_cluster_that_does_not_answer_misses_no_node(reset, inventory, api):
    kubeconfig = inventory / "credentials/kubeconfig"
    kubeconfig.parent.mkdir(mode=0o700)
    api(kubeconfig)
    kubeconfig.write_text(re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:1", kubeconfig.read_text()))
    code, text = reset("confirm=voicehelper", "node=worker-1")
    assert code == 0, text
