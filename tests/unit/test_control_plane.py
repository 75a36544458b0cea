"""Changed settings of a control plane: what comes into force is what is stamped, and what does not come up is put back."""

import json
from pathlib import Path

import pytest
from ansible.module_utils.node import control_plane as plane

from plugins.modules import kubeadm_member

OLD = '{"containers": [{"id": "the-old-one", "createdAt": "0"}]}'
KUBEADM = "kind: ClusterConfiguration\nflag: {flag}\ncertSANs: [{names}]\n"


@pytest.fixture
def configured(run_module, control_plane):
    """Bring this control plane to these flags of the API server; the first ones are there before."""
    (control_plane.kubernetes / "manifests").mkdir()
    (control_plane.kubernetes / "pki").mkdir()

    def run(flag, state="configured", names="localhost", **more):
        settings = control_plane.settings({"kubeadm.yaml": KUBEADM.format(flag=flag, names=names), "audit.yaml": f"# {flag}\n"})
        arguments = {"name": "cp-2", "address": "10.0.0.12", "init": control_plane.init, "settings": settings, "patience": 1} | more
        return run_module(kubeadm_member, state=state, **arguments)

    control_plane.stamp.write_text('{"settings": "of before"}')
    run("first")
    control_plane.log.unlink()
    return run


def in_force(node):
    return (node.kubernetes / "manifests/kube-apiserver.yaml").read_text()


def stamped(node):
    return json.loads(node.stamp.read_text())["settings"]


def test_a_changed_setting_comes_into_force_and_is_stamped(configured, control_plane):
    before = stamped(control_plane)
    assert configured("second", state="probed")["drifted"] is True
    assert configured("second")["changed"] is True
    assert "--second" in in_force(control_plane) and stamped(control_plane) != before
    assert configured("second")["changed"] is False
    assert not plane.UNFINISHED.exists()


def test_a_file_that_somebody_changed_is_drift(configured, control_plane):
    (control_plane.kubernetes / "audit.yaml").write_text("by hand\n")
    assert configured("first", state="probed")["drifted"] is True
    assert configured("first")["changed"] is True
    assert (control_plane.kubernetes / "audit.yaml").read_text() == "# first\n"


def test_parts_whose_manifest_is_the_same_are_left_alone(configured, control_plane):
    manifests = control_plane.kubernetes / "manifests"
    before = {path.name: path.stat().st_ino for path in manifests.iterdir()}
    configured("second")
    changed = {path.name for path in manifests.iterdir() if path.stat().st_ino != before[path.name]}
    assert changed == {"kube-apiserver.yaml"}


def test_the_phases_get_the_nodes_own_address(configured, control_plane):
    configured("second")
    assert "--advertise-address=10.0.0.12\n" in in_force(control_plane)


def test_an_address_that_kubeadm_guessed_is_refused(configured, control_plane, run_module):
    before, stamp = in_force(control_plane), control_plane.stamp.read_text()
    wanted = (
        "found --listen-peer-urls=https://203.0.113.5:2380 in the manifest that kubeadm made; wanted --listen-peer-urls=https://10.0.0.12"
    )
    with pytest.raises(run_module.failure, match=wanted):
        configured("second", init="---\nkind: InitConfiguration\n")
    assert (in_force(control_plane), control_plane.stamp.read_text()) == (before, stamp)


def test_a_bad_setting_is_put_back_and_not_stamped(configured, control_plane, run_module):
    before, stamp = in_force(control_plane), control_plane.stamp.read_text()
    with pytest.raises(run_module.failure) as failure:
        configured("bad")
    text = str(failure.value)
    assert "kube-apiserver is not ready after 1 s" in text and "unknown flag: --bad" in text and "put back and are in force" in text
    assert (in_force(control_plane), control_plane.stamp.read_text()) == (before, stamp)
    assert (control_plane.kubernetes / "audit.yaml").read_text() == "# first\n"
    assert not plane.UNFINISHED.exists()
    assert configured("bad", state="probed")["drifted"] is True  # so that the next run begins here again
    assert configured("first")["changed"] is False


def test_a_change_that_was_cut_off_is_put_back_to_what_was_before_it(configured, control_plane, run_module, monkeypatch):
    before = in_force(control_plane)
    with monkeypatch.context() as power_cut:
        power_cut.setattr(plane.ControlPlane, "_replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            configured("bad")
    assert (control_plane.kubernetes / "audit.yaml").read_text() == "# bad\n"
    with pytest.raises(run_module.failure):
        configured("bad")
    assert in_force(control_plane) == before
    assert (control_plane.kubernetes / "audit.yaml").read_text() == "# first\n"


def test_an_answer_of_the_old_process_is_none(configured, control_plane, run_module):
    control_plane.program("crictl", "ps --output=json --label=io.kubernetes.container.name=kube-apiserver", f"echo '{OLD}'")
    with pytest.raises(run_module.failure, match="kube-apiserver is not ready after 1 s: found no new container"):
        configured("second")


def test_the_initial_members_of_etcd_stay(configured, control_plane):
    manifest = control_plane.kubernetes / "manifests/etcd.yaml"
    initial = "    - --initial-cluster=cp-1=https://10.0.0.11:2380,cp-2=https://10.0.0.12:2380\n    - --initial-cluster-state=existing\n"
    joined = initial + "    - --listen-peer-urls=https://10.0.0.12:2380\n"
    manifest.write_text(joined)
    configured("second")
    assert manifest.read_text() == joined


def test_a_changed_name_gets_a_certificate_of_its_own(configured, control_plane):
    pki = control_plane.kubernetes / "pki"
    for kind in ("crt", "key"):
        (pki / f"apiserver.{kind}").write_text("old")
    control_plane.program("kubeadm", "certs apiserver", f"test ! -e {pki}/apiserver.crt || exit 1; echo new > {pki}/apiserver.crt")
    configured("second")
    assert (pki / "apiserver.crt").read_text() == "old"
    configured("second", names="localhost, new.example")
    assert (pki / "apiserver.crt").read_text() == "new\n"


def test_the_private_configuration_goes_afterwards(configured, control_plane):
    configured("second")
    assert not list(Path(control_plane.kubernetes).glob("kubeadm-*.yaml"))


OTHERS = {"cp-1": "10.0.0.11", "cp-3": "10.0.0.13"}
READY = {f"https://{address}:6443/readyz": (200, "ok") for address in OTHERS.values()}


def test_a_part_is_restarted_while_the_other_control_planes_serve(configured, control_plane):
    control_plane.answers |= READY
    configured("second", others=OTHERS)
    assert "--second" in in_force(control_plane)
    asked = [call.split()[1] for call in control_plane.calls if call.startswith("etcdctl") and call.endswith("endpoint health")]
    assert asked == [f"--endpoints=https://{address}:2379" for address in OTHERS.values()]


@pytest.mark.parametrize(
    ("answer", "etcd", "found"),
    [
        ((200, "ok"), "echo context deadline exceeded >&2; exit 1", "cp-1: its etcd: .*context deadline exceeded"),
        ((500, "[-]etcd failed"), "", r"cp-1: its API server says 500 \[-\]etcd failed"),
        (None, "", "cp-1: its API server: connection refused"),
    ],
    ids=["etcd", "not ready", "away"],
)
def test_nothing_is_restarted_while_another_control_plane_is_not_ready(configured, control_plane, run_module, answer, etcd, found):
    before, stamp = in_force(control_plane), control_plane.stamp.read_text()
    control_plane.answers |= READY | {"https://10.0.0.11:6443/readyz": answer} if answer else {"https://10.0.0.13:6443/readyz": (200, "ok")}
    control_plane.program("etcdctl", "10.0.0.11:2379", etcd or "true")
    with pytest.raises(run_module.failure, match=f"(?s)cp-2: nothing was changed or restarted here.*{found}.*-e confirm=without:cp-1 to"):
        configured("second", others=OTHERS)
    assert (in_force(control_plane), control_plane.stamp.read_text()) == (before, stamp)
    assert (control_plane.kubernetes / "audit.yaml").read_text() == "# first\n"
    assert not [call for call in control_plane.calls if call.startswith(("kubeadm", "crictl"))]
    configured("second", others={"cp-3": "10.0.0.13"})
    assert "--second" in in_force(control_plane)


@pytest.fixture
def keys(configured, control_plane):
    """Bring the control plane to these CAs, each a certificate and a key in text."""
    pki = control_plane.kubernetes / "pki"
    (control_plane.kubernetes / "admin.conf").write_text("certificate-authority-data: b2xk\n")

    def run(cert, key, state="configured"):
        files = {"kubeadm.yaml": KUBEADM.format(flag="first", names="localhost"), "pki/ca.crt": cert, "pki/ca.key": key}
        return configured("first", state=state, settings=control_plane.settings(files))

    run("one", "one")
    control_plane.log.unlink()
    run.renewed = lambda: [call.split()[3] for call in control_plane.calls if "certs renew" in call]
    run.stopped = lambda: [call.split()[-1].rpartition("-")[0] for call in control_plane.calls if "crictl stop" in call]
    run.pki = pki
    return run


def test_a_further_ca_is_trusted_and_signs_nothing(keys, control_plane):
    assert keys("one two", "one")["changed"] is True
    assert keys.renewed() == []
    assert keys.stopped() == ["kube-apiserver", "kube-controller-manager"]
    assert (control_plane.kubernetes / "admin.conf").read_text() == "certificate-authority-data: b25lIHR3bw==\n"
    assert keys("one two", "one")["changed"] is False


def test_what_a_ca_signed_is_signed_by_its_successor(keys):
    keys("two one", "two")
    assert keys.renewed() == list(plane.SIGNED["ca"])
    assert keys("two one", "two")["changed"] is False


def test_a_change_of_the_ca_that_was_cut_off_is_signed_all_the_same(keys, run_module, monkeypatch):
    with monkeypatch.context() as power_cut:
        power_cut.setattr(plane.ControlPlane, "_sign", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            keys("two one", "two")
    assert keys("two one", "two", state="probed")["drifted"] is True
    keys("two one", "two")
    assert keys.renewed() == list(plane.SIGNED["ca"])
