"""kubeadm_member: how it tells what a node is, and what it makes kubeadm and etcdctl do. The real programs run in the lab."""

import json
import stat

import pytest

from plugins.modules import kubeadm_member

SETTINGS = {"settings.yaml": "one\n"}


@pytest.fixture
def member(run_module, control_plane):
    def run(state="probed", **more):
        arguments = {"name": "cp-2", "address": "10.0.0.12", "port": 6443, "init": control_plane.init} | more
        return run_module(kubeadm_member, state=state, **arguments)

    return run


@pytest.mark.parametrize("trace", kubeadm_member.facts.TRACES)
def test_traces_without_a_stamp_are_a_join_that_was_cut_off(member, control_plane, trace):
    path = control_plane.kubernetes / trace
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert member()["stage"] == "partial"


def test_stages_of_a_node(member, control_plane):
    assert member()["stage"] == "absent"
    control_plane.etcd.mkdir()
    assert member()["stage"] == "partial"
    control_plane.stamp.write_text("{}")
    assert member()["stage"] == "member"


@pytest.mark.parametrize("spoiled", ["", '{"settings": "ab', "null", "[]"])
def test_a_spoiled_stamp_is_that_of_a_member_whose_settings_are_unknown(member, control_plane, spoiled):
    control_plane.stamp.write_text(spoiled)
    found = member(settings=control_plane.settings(SETTINGS))
    assert (found["stage"], found["drifted"]) == ("member", True)
    assert member("clean")["changed"] is False and control_plane.calls == []


def test_a_node_that_serves_is_a_member_without_a_stamp_and_never_reset(member, control_plane):
    control_plane.joined(ready="True")
    assert member()["stage"] == "member"
    assert member("clean")["changed"] is False and control_plane.calls == []


def test_a_member_leaves_and_one_that_was_cut_off_in_it_leaves_again(member, control_plane):
    manifest = control_plane.kubernetes / "manifests/etcd.yaml"
    manifest.parent.mkdir()
    manifest.touch()
    control_plane.stamp.write_text("{}")
    assert member("left")["stage"] == "partial"  # until its files are taken away
    assert member("left")["changed"]
    assert control_plane.calls == [] and not control_plane.stamp.exists()


def test_a_node_that_is_none_has_nothing_to_leave(member, control_plane):
    assert not member("left")["changed"] and control_plane.calls == []


@pytest.mark.parametrize(("node", "api"), [({"ready": "False"}, 200), ({"ready": "True"}, 500), ({"status": 404}, 200)])
def test_one_that_does_not_serve_was_cut_off(member, control_plane, node, api):
    (control_plane.kubernetes / "manifests").mkdir()
    (control_plane.kubernetes / "manifests/kube-apiserver.yaml").touch()
    control_plane.joined(**node)
    control_plane.answers["https://10.0.0.12:6443/readyz"] = (api, "")
    assert member()["stage"] == "partial"


def test_probing_changes_nothing(member, control_plane):
    assert member() | {"changed": False} == member()
    assert member()["stage"] == "absent" and control_plane.calls == []


def test_the_sum_of_settings_sees_each_file_and_its_place():
    sums = {kubeadm_member.settings_sum(texts) for texts in (["ab", ""], ["a", "b"], ["b", "a"], ["", "ab"])}
    assert len(sums) == 4


def test_init_gets_its_configuration_privately_and_leaves_none_behind(member, control_plane):
    folder, log = control_plane.kubernetes, control_plane.log
    control_plane.program("kubeadm", "kubeadm init", f"stat -c %a {folder}/kubeadm-init.yaml > {log}.mode; touch {folder}/super-admin.conf")
    result = member("initialised", settings=control_plane.settings(SETTINGS))
    assert result["changed"] and result["stage"] == "member"
    assert control_plane.log.with_name("log.mode").read_text() == "600\n"
    assert sorted(path.name for path in control_plane.kubernetes.iterdir()) == ["kubeadm.yaml", "settings.yaml"]


def test_kubeadm_meets_no_proxy_of_the_login(member, control_plane, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    control_plane.program("kubeadm", "kubeadm init", f"env > {control_plane.log}.environment")
    member("initialised")
    assert "proxy.example" not in control_plane.log.with_name("log.environment").read_text()


def test_the_data_of_etcd_is_roots_alone_on_a_disk_of_its_own_too(member, control_plane):
    control_plane.etcd.parent.chmod(0o755)
    control_plane.program("kubeadm", "kubeadm init", f"mkdir {control_plane.etcd}")
    member("initialised")
    assert stat.S_IMODE(control_plane.etcd.parent.stat().st_mode) == 0o700


def test_a_failed_join_tells_why_and_is_no_member(member, control_plane, run_module):
    control_plane.program("kubeadm", "kubeadm join", "echo 'could not reach the API' >&2; exit 3")
    with pytest.raises(run_module.failure, match=r"(?s)failed \(3\):.*could not reach the API"):
        member("joined", discovery="kind: Config\n")
    assert member()["stage"] == "absent"
    assert [path.name for path in control_plane.kubernetes.iterdir()] == ["kubeadm.yaml"]


def test_a_join_that_hangs_is_ended(member, control_plane, run_module):
    control_plane.program("kubeadm", "kubeadm join", "exec sleep 30")
    with pytest.raises(run_module.failure, match="did not end within 1 s"):
        member("joined", timeout=1)


@pytest.mark.parametrize("state", ["initialised", "joined", "clean"])
def test_a_member_is_left_alone(member, control_plane, state):
    control_plane.stamp.write_text('{"settings": ""}')
    assert member(state)["changed"] is False
    assert control_plane.calls == []


def test_a_cut_off_join_is_undone(member, control_plane):
    (control_plane.kubernetes / "kubelet.conf").touch()
    member("clean")
    assert control_plane.calls == ["kubeadm reset --force --cri-socket=unix:///run/containerd/containerd.sock"]


def test_check_mode_tells_and_does_nothing(run_module, control_plane):
    result = run_module(kubeadm_member, check=True, state="initialised", name="cp-1", address="10.0.0.11")
    assert result["changed"] and result["stage"] == "absent" and control_plane.calls == []


def test_a_joining_control_plane_first_removes_its_own_stale_etcd_entries(member, control_plane):
    members = [
        {"ID": 10, "name": "cp-1", "peerURLs": ["https://10.0.0.11:2380"]},
        {"ID": 255, "name": "", "peerURLs": ["https://10.0.0.12:2380"]},  # never started: it has no name yet
        {"ID": 11, "name": "cp-3", "peerURLs": ["https://10.0.0.120:2380"]},
    ]
    control_plane.program("etcdctl", "member list", f"echo '{json.dumps({'members': members})}'")
    member("joined", etcd_members=["10.0.0.11", "10.0.0.120"])
    removals = [call.split("member ", 1)[1] for call in control_plane.calls if call.startswith("etcdctl") and "remove" in call]
    assert removals == ["remove ff"]


def test_the_stamp_is_roots_alone_and_replaced_as_a_whole(member, control_plane):
    control_plane.stamp.write_text("")
    before = control_plane.stamp.stat().st_ino
    control_plane.stamp.unlink()
    member("initialised")
    assert stat.S_IMODE(control_plane.stamp.stat().st_mode) == 0o600
    assert control_plane.stamp.stat().st_ino != before or json.loads(control_plane.stamp.read_text())


def test_fingerprints_of_what_lies_on_a_node(member, control_plane, tmp_path):
    ca, key = control_plane.kubernetes / "ca.crt", tmp_path / "key"
    ca.write_text("a certificate\n")
    key.write_text("a passphrase")
    paths = {"ca": str(ca), "key": str(key), "none": str(tmp_path / "absent")}
    assert set(member(secrets=paths)["fingerprints"]) == {"key"}  # what a reset left of a cluster that is gone
    control_plane.stamp.write_text("{}")
    assert set(member(secrets=paths)["fingerprints"]) == {"ca", "key"}
    assert "a passphrase" not in json.dumps(member(secrets=paths))


def test_a_configuration_of_encryption_counts_by_its_key(project):
    told = kubeadm_member.facts.fingerprint
    template = (project / "roles/kubeadm/templates/encryption.yaml.j2").read_text()
    assert template.count("{{") == 1
    start, end = template.index("{{"), template.index("}}") + 2
    assert told(f"{template[:start]}abc={template[end:]}") == told("abc=")


def test_what_a_cluster_keeps_for_life(member, control_plane, monkeypatch):
    domain = control_plane.kubernetes / "config.yaml"
    immutable = kubeadm_member.facts.IMMUTABLE
    monkeypatch.setitem(immutable, "platform_cluster_domain", (domain, immutable["platform_cluster_domain"][1]))
    wanted = {"platform_cluster_domain": "cluster.local"}
    assert member(immutable=wanted)["immutable_differs"] == {}
    domain.write_text("clusterDNS:\n- 10.96.0.10\nclusterDomain: example.com\n")
    assert member(immutable=wanted)["immutable_differs"] == {}  # of no member: what a reset left
    control_plane.stamp.write_text("{}")
    assert member(immutable=wanted)["immutable_differs"] == {"platform_cluster_domain": "found example.com in force, wanted cluster.local"}
    assert member(immutable={"platform_cluster_domain": "example.com"})["immutable_differs"] == {}
