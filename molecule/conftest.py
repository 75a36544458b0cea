"""What the tests of cluster roles share: kubectl of the site under test."""

import json
import os
import sys
from pathlib import Path

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
