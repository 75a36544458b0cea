"""A machine that was a control plane with network and data is what it was before, seen by other means than those of the reset."""

import os
import re
from pathlib import Path

DISK = "/dev/disk/by-id/lab-data"
LOOK = Path(__file__).with_name("look.sh")
# dpkg writes these whatever it does, and the lab's image comes without them.
LOGS = {"name alternatives.log", "name dpkg.log"}


def test_it_is_what_it_was(host):
    before = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "before.txt").read_text().splitlines()
    after = host.run(f"sh <<'END'\n{LOOK.read_text()}END\n").stdout.splitlines()
    assert set(after) - LOGS == set(before)


def test_nothing_of_ours_is_left_where_that_does_not_look(host):
    assert host.check_output("nft list ruleset 2>/dev/null || true") == ""
    running = host.check_output("ps -eo args").splitlines()
    assert [line for line in running if re.search("containerd|kubelet|etcd|cilium|kube|chrony", line)] == []
    assert host.check_output("ls -A /var/lib/kubelet /var/lib/containerd /var/lib/etcd | grep -v : | xargs") == ""
    assert host.check_output("find /run -name '*cilium*' -o -name '*containerd*' -o -name 'voicehelper*'") == ""
    assert host.check_output("find /var/lib/voicehelper /etc/voicehelper 2>/dev/null || true") == ""


def test_data_are_on_their_disk(host):
    assert host.check_output(f"blkid --probe --match-tag LABEL --output value {DISK}") == "voicehelper"
    host.check_output(f"mkdir /tmp/data && mount -o ro {DISK} /tmp/data")
    try:
        assert host.check_output("cat /tmp/data/kept") == "precious"
    finally:
        host.check_output("umount /tmp/data && rmdir /tmp/data")


def test_the_ssh_server_has_its_own_settings_again(host):
    assert host.service("ssh").is_running
    assert "maxauthtries 6" in host.check_output("sshd -T").splitlines()


def test_the_controller_knows_of_no_cluster_and_keeps_the_vault():
    credentials = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "inventory/credentials")
    assert not (credentials / "kubeconfig").exists() and (credentials / "secrets.yml").exists()


def test_a_second_one_erases_the_data_by_name(host, converge):
    changed, output = converge(reset_wipe_data=True)
    assert changed, output
    assert host.run(f"blkid --probe {DISK}").rc == 2
    assert converge(reset_wipe_data=True)[0] == 0
