"""What the converged scenario left: a release of the catalogue's chart, with the values that it was given."""

import json
import os
from pathlib import Path

from tests import api_server

KUBECONFIG = Path(os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY", "")) / "api/kubeconfig"


def helm(host, words):
    command = f"{api_server.program('helm')} --kubeconfig {KUBECONFIG} --namespace kube-system {words} --output json"
    return json.loads(host.check_output(command))


def test_the_release_is_deployed_once(host):
    (release,) = helm(host, "list --all")
    assert (release["name"], release["status"], release["revision"]) == ("network", "deployed", "1")
    assert release["chart"].startswith("cilium-")


def test_it_has_the_values_that_it_was_given(host):
    assert helm(host, "get values network")["cluster"] == {"name": "example"}
