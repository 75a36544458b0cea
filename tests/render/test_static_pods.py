"""What kubeadm starts runs by digest: kubeadm itself names its images by tag."""

import pytest
import yaml

ROLE = "kubeadm"


@pytest.fixture(scope="module")
def settings(site):
    """Content by path of the files that the role gives to kubeadm."""
    return {item["path"]: item["content"] for item in site.value("{{ kubeadm_settings }}", ROLE)}


@pytest.mark.parametrize("name", ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"])
def test_the_image_of_a_static_pod_is_patched_to_its_digest(settings, name):
    (container,) = yaml.safe_load(settings[f"/etc/kubernetes/patches/{name}-image+strategic.yaml"])["spec"]["containers"]
    assert container["name"] == name and "@sha256:" in container["image"]


def test_kubeadm_looks_for_the_image_that_will_run(site, settings):
    """Its own pull, by tag, is of the repository and tag that the patch names."""
    etcd = next(yaml.safe_load_all(settings["/etc/kubernetes/kubeadm.yaml"]))["etcd"]["local"]
    assert f"{etcd['imageRepository']}/etcd:{etcd['imageTag']}" == site.value("{{ lookup('image', 'etcd') }}", ROLE).split("@")[0]


def test_who_must_be_up_before_a_part_is_restarted(make_site):
    """A control plane that nobody could ask may be a member; one that is to join is none."""
    site = make_site("recommended")
    here, *others = site.value("{{ groups['control_plane'] }}", ROLE)
    asked = {"inventory_hostname": here, "confirm": "upgrade"}
    assert site.changed(**asked).value("{{ kubeadm_others }}", ROLE) == others
    assert site.changed(**asked | {"confirm": f"upgrade,without:{others[0]}"}).value("{{ kubeadm_others }}", ROLE) == others[1:]
