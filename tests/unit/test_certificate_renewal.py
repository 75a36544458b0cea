"""The program that renews a control plane's certificates, on a control plane that this test plays."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess

import pytest

DAY = 86400
CERTIFICATES = {
    "etcd": "pki/etcd/server.crt",
    "kube-apiserver": "pki/apiserver.crt",
    "kube-controller-manager": "controller-manager.conf",
    "kube-scheduler": "scheduler.conf",
}


class ControlPlane:
    """Certificates with an end, and containers with a beginning; `now` goes on with everything that is done."""

    def __init__(self, folder, days_left):
        self.folder, self.days_left, self.now = folder, days_left, 1000
        self.well, self.away = True, set()
        self.restarted = []
        self.started = dict.fromkeys(CERTIFICATES, 2000)
        for path in CERTIFICATES.values():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).touch()
        self._date()
        self.now = 3000

    def _date(self):
        for path in CERTIFICATES.values():
            os.utime(self.folder / path, (self.now, self.now))

    def run(self, program, *arguments):
        """What kubeadm and crictl do; anything else is no command of theirs."""
        self.now += 1
        match (program.rpartition("/")[2], *arguments):
            case ("kubeadm", "certs", "check-expiration", "--output=json"):
                absent = {"name": "super-admin.conf", "residualTime": 0, "missing": True}  # as kubeadm lists what is not there
                return json.dumps({"certificates": [{"name": "apiserver", "residualTime": self.days_left * DAY, "missing": False}, absent]})
            case ("kubeadm", "certs", "renew", "all"):
                self.days_left = 365
                self._date()
                return ""
            case ("crictl", "ps", "--output=json", "--label", label):
                part = label.removeprefix("io.kubernetes.container.name=")
                return json.dumps({"containers": [{"id": part, "createdAt": str(self.started[part] * 10**9)}]})
            case ("crictl", "stop", "--timeout=30", part):
                self.started[part] = self.now
                self.restarted.append(part)
                return ""
        raise subprocess.CalledProcessError(1, [program, *arguments])


@pytest.fixture
def renewal(project, tmp_path):
    """``renewal(days_left)`` gives the control plane and the program's main."""
    specification = importlib.util.spec_from_file_location("renewal", project / "roles/certificate_renewal/files/renew-certificates.py")
    program = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(program)
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"address": "192.0.2.11", "port": 6443, "others": ["192.0.2.12", "192.0.2.13"], "days_left": 60}))

    def make(days_left):
        plane = ControlPlane(tmp_path, days_left)
        program.KUBERNETES, program.run = tmp_path, plane.run
        program.healthy = lambda address, port, seconds=180: plane.well if address == "192.0.2.11" else address not in plane.away
        return plane, lambda: program.main(settings)

    return make


def test_nothing_is_restarted_while_all_last(renewal):
    plane, main = renewal(days_left=300)
    assert main() == 0
    assert plane.restarted == []


def test_what_ends_soon_is_renewed_and_every_part_restarted_once(renewal):
    plane, main = renewal(days_left=30)
    assert (main(), main()) == (0, 0)
    assert plane.restarted == list(CERTIFICATES)


def test_a_run_that_was_cut_off_is_finished_by_the_next(renewal):
    plane, main = renewal(days_left=30)
    plane.well = False
    assert main() == 1
    assert plane.restarted == ["etcd"]
    plane.well = True
    assert main() == 0
    assert plane.restarted == list(CERTIFICATES)


def test_nothing_is_restarted_while_another_control_plane_is_away(renewal):
    plane, main = renewal(days_left=30)
    plane.away = {"192.0.2.13"}
    assert main() == 1
    assert (plane.restarted, plane.days_left) == ([], 30)
    plane.away = set()
    assert main() == 0
    assert plane.restarted == list(CERTIFICATES)


def test_a_control_plane_that_stays_away_lets_no_certificate_end(renewal):
    plane, main = renewal(days_left=10)
    plane.away = {"192.0.2.13"}
    assert main() == 0
    assert plane.restarted == list(CERTIFICATES)
