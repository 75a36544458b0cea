"""What a check's script says and what is made of it."""

from __future__ import annotations

import subprocess

import pytest
from ansible.module_utils.pod_checks import PRELUDE, definition, findings


def run(script):
    output = subprocess.run(["/bin/sh", "-c", PRELUDE + script], capture_output=True, text=True, check=True).stdout
    (finding,) = findings("system", output)
    return finding


@pytest.mark.parametrize(
    ("script", "ok", "found"),
    [
        ("works 'greeting' echo hello", True, "hello"),
        ("works 'greeting' ls /nowhere", False, "No such file"),
        ("refused 'stranger' 'No such' ls /nowhere", True, "No such file"),
        ("refused 'stranger' 'permission denied' ls /nowhere", False, "No such file"),
        ("refused 'stranger' 'No such' echo hello", False, "was let in: hello"),
        ("works 'two lines' printf 'a\\nb\\tc'", True, "a b c"),
    ],
)
def test_a_call_is_a_finding(script, ok, found):
    finding = run(script)
    assert finding["ok"] is ok
    assert found in finding["found"]


def test_other_output_is_no_finding():
    assert findings("system", "NOTICE: hello\n") == []


def test_a_pod_has_no_rights_and_its_labels_decide_what_it_reaches():
    pod = {"name": "client", "script": "true", "labels": {"access": "true"}, "env": [], "files": {"/tls": {"secret": {}}}, "avoid": {}}
    made = definition({"system": "redis", "namespace": "space", "image": "toolbox", "timeout": 5}, pod, "1")
    assert made["metadata"]["labels"]["access"] == "true"
    assert made["spec"]["automountServiceAccountToken"] is False
    (container,) = made["spec"]["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["volumeMounts"] == [{"name": "files-0", "mountPath": "/tls", "readOnly": True}]
