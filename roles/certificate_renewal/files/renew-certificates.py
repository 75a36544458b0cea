#!/usr/bin/python3
"""Managed by Ansible (role certificate_renewal): renew what ends soon and restart what reads it, one part after the other.

What differs between nodes stands in a JSON file, which an argument may name: `address` and `port` of the API server,
`others`, the addresses of the other control planes, `days_left`.
A part is restarted when a certificate that it reads is newer than its process: so a run that was cut off is finished by the next one.
While another control plane is not ready nothing is renewed or restarted, as etcd may need this one, until the last days before the end.
"""

import json
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

LAST_DAYS = 14
KUBERNETES = Path("/etc/kubernetes")
SETTINGS = Path("/etc/renew-certificates.json")
PARTS = {  # in the order of their restart, with what each reads
    "etcd": "pki/etcd/*.crt",
    "kube-apiserver": "pki/*.crt",
    "kube-controller-manager": "controller-manager.conf",
    "kube-scheduler": "scheduler.conf",
}


def run(*command):
    """Standard output of a command; raises CalledProcessError when it fails."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def healthy(address, port, seconds=180):
    """Whether the API server at an address is ready within so many seconds; it asks the etcd beside it."""
    context = ssl.create_default_context(cafile="/etc/kubernetes/pki/ca.crt")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if urllib.request.urlopen(f"https://{address}:{port}/readyz", context=context, timeout=5).status == 200:
                return True
        except OSError:
            pass
        time.sleep(2)
    return False


def outdated(part):
    """Ids of the part's containers that were made before the newest certificate that it reads."""
    label = f"io.kubernetes.container.name={part}"
    containers = json.loads(run("/usr/local/bin/crictl", "ps", "--output=json", "--label", label))["containers"]
    newest = max(path.stat().st_mtime for path in KUBERNETES.glob(PARTS[part]))
    return [container["id"] for container in containers if int(container["createdAt"]) / 1e9 < newest]


def main(settings=SETTINGS):
    settings = json.loads(Path(settings).read_text())
    report = json.loads(run("/usr/local/bin/kubeadm", "certs", "check-expiration", "--output=json"))
    there = [entry for entry in report["certificates"] if not entry.get("missing")]  # no control plane has super-admin.conf
    due = [entry["name"] for entry in there if entry["residualTime"] < settings["days_left"] * 86400]
    if due or any(map(outdated, PARTS)):
        away = [address for address in settings["others"] if not healthy(address, settings["port"], 30)]
        left = min(entry["residualTime"] for entry in there) / 86400
        if away and left > LAST_DAYS:
            print(f"not ready: {', '.join(away)}; nothing is restarted here meanwhile, {left:.0f} days are left", file=sys.stderr)
            return 1
    if due:
        print("renewing all, because these end soon:", ", ".join(due))
        run("/usr/local/bin/kubeadm", "certs", "renew", "all")
    else:
        print(f"nothing ends within {settings['days_left']} days")
    for part in PARTS:
        containers = outdated(part)
        if not containers:
            continue
        print("restarting", part)
        for container in containers:
            run("/usr/local/bin/crictl", "stop", "--timeout=30", container)  # the kubelet starts it again
        if not healthy(settings["address"], settings["port"]):
            print(f"the API server is not ready after {part} was restarted", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
