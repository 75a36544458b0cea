"""A setting of the API server comes into force; one that it does not take is put back and goes no further."""

from __future__ import annotations

import json
import re

import pytest

from tests import nodes, stages

pytestmark = pytest.mark.long

FLAGS = "test ! -e /etc/kubernetes/manifests/kube-apiserver.yaml || (tr '\\0' '\\n' </proc/$(pgrep -o -x kube-apiserver)/cmdline)"


def configure(**settings) -> tuple[int, str]:
    return stages.run("playbooks/kubernetes.yml", "--extra-vars", json.dumps(settings))


def flags() -> dict[str, list[str]]:
    """The flags with which each control plane's API server runs."""
    return {node: text.splitlines() for node, text in nodes.shell(FLAGS).items() if text}


@pytest.fixture
def as_declared():
    """The inventory's own settings again when the test ends."""
    yield
    code, output = configure()
    assert code == 0, output


def test_a_changed_setting_is_what_the_api_server_runs_with(as_declared):
    code, output = configure(kubeadm_audit_max_age_days=90)
    assert code == 0, output
    assert flags() and all("--audit-log-maxage=90" in found for found in flags().values())
    code, output = configure(kubeadm_audit_max_age_days=90)
    recap = [line for line in output.split("PLAY RECAP")[1].splitlines() if " ok=" in line]
    assert code == 0 and all("changed=0" in line for line in recap), "\n".join(recap)


def test_a_flag_that_it_does_not_know_is_put_back_and_goes_no_further(as_declared):
    before = flags()
    code, output = configure(kubeadm_api_extra_args={"no-such-flag": "1"}, kubeadm_patience=60)
    assert code != 0
    assert "unknown flag: --no-such-flag" in output and "put back and are in force" in output
    assert flags() == before
    assert len(re.findall(r"^fatal: \[", output, re.MULTILINE)) == 1  # at one control plane


def test_without_the_vaults_file_a_run_changes_nothing(tmp_path):
    for options in ((), ("--check",)):
        nodes.mark()
        code, output = stages.run("site.yml", f"--extra-vars=platform_state_dir={tmp_path}/second", *options)
        assert code != 0 and "kubernetes_ca: found" in output and "wanted the same" in output, output
        assert nodes.untouched() == "no file was written"
        assert not (tmp_path / "second").exists()
