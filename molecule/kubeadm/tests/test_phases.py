"""What the real kubeadm makes of the role's configuration where the default route leads to another network than the nodes'."""

import json

import jinja2
import pytest
from reach import REPOSITORY, addresses, hosts

testinfra_hosts = hosts("control_plane")
TEMPLATES = REPOSITORY / "roles/kubeadm/templates"
PHASES = ("etcd local", "control-plane all")  # as plugins/module_utils/node/control_plane.py runs them
OTHER = "203.0.113.5"
SCRIPT = """
cd $(mktemp --directory)
trap "rm -r $PWD" EXIT
cat /etc/kubernetes/kubeadm.yaml - >config <<'NODE'
{node}
NODE
unshare --net sh -es <<'APART'
ip link set lo up
ip link add outside type veth peer name inside
ip address add {other}/24 dev outside
ip address add {address}/24 dev inside
ip link set outside up
ip link set inside up
ip route add default via 203.0.113.1
export KUBEADM_INIT_DRYRUN_DIR=$PWD
{phases}
APART
cat etcd.yaml kube-apiserver.yaml kube-controller-manager.yaml kube-scheduler.yaml
"""


@pytest.fixture(scope="module")
def name(address):
    return next(name for name, there in addresses("control_plane").items() if there == address)


@pytest.fixture(scope="module")
def address(host):
    return host.backend.hostname


@pytest.fixture(scope="module")
def made(host, name, address):
    """Run the phases on the node, aside from what runs there; gives the finished command."""
    site = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True, undefined=jinja2.StrictUndefined)
    site.filters["to_json"] = json.dumps
    token = {"kubeadm_token": "abcdef.0123456789abcdef", "kubeadm_is_control_plane": True}
    place = {"ansible_host": address, "inventory_hostname": name, "platform_api_port": 6443}
    lists = {"kubeadm_control_plane_taints": [], "kubeadm_ignore_preflight_errors": []}
    node = site.get_template("init.yaml.j2").render(**token, **place, **lists)

    def run(node=node, flags=""):
        phases = "\n".join(f"/usr/local/bin/kubeadm init phase {phase} --config=config --dry-run {flags} >&2" for phase in PHASES)
        return host.run(SCRIPT.format(node=node, other=OTHER, address=address, phases=phases))

    return run


def test_the_phases_take_the_configuration_and_state_the_nodes_own_address(made, name, address):
    done = made()
    assert done.rc == 0, done.stderr
    for flag in (f"--advertise-address={address}", f"--listen-peer-urls=https://{address}:2380", f"--name={name}"):
        assert f"- {flag}\n" in done.stdout
    assert OTHER not in done.stdout


def test_they_make_what_is_in_force(made, host):
    """So that a change of one setting restarts nothing else. Of etcd, the initial members may differ."""
    running = host.check_output(
        "cd /etc/kubernetes/manifests && cat etcd.yaml kube-apiserver.yaml kube-controller-manager.yaml kube-scheduler.yaml"
    )

    def lines(text):
        return [line for line in text.splitlines() if "--initial-cluster" not in line]

    assert lines(made().stdout) == lines(running)


def test_without_the_nodes_own_configuration_they_would_guess(made):
    """Else the tests above prove nothing."""
    done = made(node="")
    assert f"--listen-peer-urls=https://{OTHER}:2380" in done.stdout


def test_they_take_no_patches_beside_a_configuration(made):
    assert "can not mix '--config' with arguments [patches]" in made(flags="--patches=/etc/kubernetes/patches").stderr
