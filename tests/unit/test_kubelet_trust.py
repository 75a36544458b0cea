"""What a kubelet trusts, and when it gets new certificates."""

import base64

import pytest

from plugins.modules import kubelet_trust as trust

OLD, NEW = (f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n" for text in ("b2xk", "bmV3"))
KUBECONFIG = "clusters:\n- cluster:\n    certificate-authority-data: {data}\n    server: https://10.0.0.10:6443\n"


@pytest.fixture
def node(tmp_path, monkeypatch, run_module):
    """A member that trusts the old CA; a kubelet that starts asks for the certificates that it lacks, if it knows how to."""
    places = {"KUBECONFIG": "kubelet.conf", "BOOTSTRAP": "bootstrap-kubelet.conf", "CA": "ca.crt"}
    for name, file in places.items():
        monkeypatch.setattr(trust, name, tmp_path / file)
    certificates = [tmp_path / "client.pem", tmp_path / "server.pem"]
    for path in certificates:
        path.write_text("first")
    monkeypatch.setattr(trust, "CERTIFICATES", certificates)
    monkeypatch.setattr(trust, "PAUSE", 0)
    monkeypatch.setattr(trust.units, "MARKS", tmp_path / "marks")
    monkeypatch.setattr(trust.facts, "ask", lambda url: (200, "ok"))
    (tmp_path / "kubelet.conf").write_text(KUBECONFIG.format(data=base64.b64encode(OLD.encode()).decode()))
    (tmp_path / "ca.crt").write_text(OLD)
    asks = f"for file in client server; do test -e {tmp_path}/$file.pem || cp {tmp_path}/bootstrap-kubelet.conf {tmp_path}/$file.pem; done"
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/log\n{asks}\n')
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def run(ca, **more):
        return run_module(trust, ca=ca, token="abcdef.0123456789abcdef", timeout=1, **more)

    run.here, run.client = tmp_path, certificates[0]
    run.trusted = lambda: base64.b64decode((tmp_path / "kubelet.conf").read_text().split()[4]).decode()
    run.restarts = lambda: (tmp_path / "log").read_text().splitlines() if (tmp_path / "log").exists() else []
    return run


def test_a_further_ca_is_trusted_with_the_certificates_that_there_are(node):
    assert node(OLD + NEW)["renewed"] is False
    assert node.trusted() == (node.here / "ca.crt").read_text() == OLD + NEW
    assert node.client.read_text() == "first" and node.restarts() == ["restart kubelet.service"]
    assert node(OLD + NEW)["changed"] is False


def test_a_ca_that_signs_now_brings_new_certificates(node):
    assert node(NEW + OLD)["renewed"] is True
    asked = node.client.read_text()
    assert (
        "abcdef.0123456789abcdef" in asked
        and "https://10.0.0.10:6443" in asked
        and base64.b64encode((NEW + OLD).encode()).decode() in asked
    )
    assert not trust.BOOTSTRAP.exists()
    assert node(NEW + OLD)["changed"] is False


@pytest.mark.parametrize("cut_off_at", ["put", "take"])
def test_a_change_that_was_cut_off_is_done_by_the_next(node, monkeypatch, cut_off_at):
    calls = []

    def dies(*arguments):
        calls.append(arguments)
        if cut_off_at == "take" or len(calls) == 2:
            raise KeyboardInterrupt
        put(*arguments)

    put = trust.put
    with monkeypatch.context() as power_cut:
        power_cut.setattr(trust.units if cut_off_at == "take" else trust, cut_off_at, dies)
        with pytest.raises(KeyboardInterrupt):
            node(NEW + OLD)
    assert node(NEW + OLD)["renewed"] is True
    assert node.trusted() == NEW + OLD and node.client.read_text() != "first"


def test_check_mode_only_tells(node):
    assert node(NEW + OLD, check=True)["changed"] is True and node.restarts() == [] and node.trusted() == OLD


def test_no_member_is_left_alone(node):
    trust.KUBECONFIG.unlink()
    assert node(NEW)["changed"] is False
