"""Renewal of certificates: quiet while they last, and complete when they do not."""

import json
import ssl
import time

import pytest
from cryptography import x509
from reach import hosts

testinfra_hosts = hosts("control_plane")
PROGRAM, SETTINGS = "/usr/local/sbin/renew-certificates", "/etc/renew-certificates.json"


def served(host):
    """The certificate that the node's API server shows."""
    deadline = time.monotonic() + 120
    while True:
        try:
            return x509.load_pem_x509_certificate(ssl.get_server_certificate((host.backend.hostname, 6443), timeout=5).encode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def test_the_timer_waits_for_its_hour(host):
    assert host.check_output("systemctl is-active renew-certificates.timer") == "active"
    assert host.check_output("systemctl show --property=NextElapseUSecRealtime --value renew-certificates.timer")


def test_nothing_is_renewed_while_all_last(host):
    before = served(host).serial_number
    assert "nothing ends within" in host.check_output(PROGRAM)
    assert served(host).serial_number == before


def test_certificates_that_end_within_the_margin_are_renewed_and_used(host):
    """With a margin longer than any certificate lasts, all are due now."""
    before = served(host)
    settings = json.loads(host.file(SETTINGS).content_string) | {"days_left": 4000}
    host.check_output("printf %%s %s > /tmp/all-are-due.json", json.dumps(settings))
    ran = host.run(f"timeout 400 {PROGRAM} /tmp/all-are-due.json")
    assert ran.succeeded, ran.stdout + ran.stderr
    after = served(host)
    assert after.serial_number != before.serial_number
    assert after.not_valid_before_utc > before.not_valid_before_utc


def test_what_was_renewed_and_not_restarted_is_restarted_by_the_next_run(host):
    """As after a run that was cut off behind `kubeadm certs renew all`."""
    host.check_output("/usr/local/bin/kubeadm certs renew scheduler.conf")
    ran = host.run(f"timeout 400 {PROGRAM}")
    assert ran.succeeded, ran.stdout + ran.stderr
    assert [line for line in ran.stdout.splitlines() if line.startswith("restarting")] == ["restarting kube-scheduler"]
    assert "restarting" not in host.check_output(PROGRAM)


@pytest.mark.parametrize("part", ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"])
def test_every_part_runs_afterwards(host, part):
    deadline = time.monotonic() + 120
    while not host.check_output(f"/usr/local/bin/crictl ps --quiet --state running --label io.kubernetes.container.name={part}"):
        assert time.monotonic() < deadline, f"{part} does not run"
        time.sleep(2)


def test_the_api_answers_at_the_sites_address_afterwards(host):
    """Its holder gave the address up with the API and waits before it starts again: until then nobody else's tests would find the API."""
    command = "/usr/local/bin/kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=5s get --raw=/readyz"
    deadline, in_a_row = time.monotonic() + 240, 0
    while in_a_row < 5:
        in_a_row = in_a_row + 1 if host.run(command).succeeded else 0
        assert time.monotonic() < deadline, "the API does not stay ready at the address that admin.conf names"
        time.sleep(2)
