"""What the tests of cluster roles share: kubectl of the site under test."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

PROJECT = Path(__file__).parents[1]
sys.path.append(str(PROJECT / "molecule/shared"))  # module `reach`: the nodes of the lab
CREDENTIALS = PROJECT / "inventories" / os.environ.get("VOICEHELPER_SITE", "lab") / "credentials"


@pytest.fixture(scope="module")
def kubectl(host):
    """Runs kubectl; returns its output."""

    def run(arguments):
        return host.check_output(f"{CREDENTIALS}/bin/kubectl --kubeconfig {CREDENTIALS}/kubeconfig {arguments}")

    return run


@pytest.fixture(scope="module")
def objects(kubectl):
    """Reads objects: `objects("pods --namespace x")` gives a list, by name one object."""

    def read(arguments):
        found = json.loads(kubectl(f"get {arguments} --output json"))
        return found["items"] if found["kind"] == "List" else found

    return read


@pytest.fixture(scope="module")
def fetch():
    """What a port of a pod answers, through its kubelet, which no policy hinders: `fetch(pod, 7777, "metrics")`, pod as an object."""

    def read(pod, port, path):
        meta = pod["metadata"]
        command = [CREDENTIALS / "bin/kubectl", "--kubeconfig", CREDENTIALS / "kubeconfig", "--namespace", meta["namespace"]]
        command += ["port-forward", "--address=127.0.0.1", f"pod/{meta['name']}", f":{port}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forwarder:
            try:
                local = forwarder.stdout.readline().split(" -> ")[0].rpartition(":")[2]
                with urlopen(f"http://127.0.0.1:{local}/{path}", timeout=20) as answer:
                    return answer.read().decode()
            finally:
                forwarder.terminate()

    return read
