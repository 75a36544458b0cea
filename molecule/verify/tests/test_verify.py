"""Verification itself: its report says what was checked, and nothing that it made is left."""

import json
import re
import time

import pytest
import yaml
from reach import CREDENTIALS, REPOSITORY

CHECKS = {
    *("api", "nodes", "pods", "images", "dns", "pod_to_pod", "service", "network_policy", "default_deny", "pod_encryption"),
    *("packet_filter", "kubelet_certificate", "load_balancer", "storage", "volumes", "encryption", "metrics", "cron_jobs"),
    *("certificates", "rotation"),
}
MODES = yaml.safe_load((REPOSITORY / "group_vars/all/modes.yml").read_text())
SCRIPTED = re.compile(r"^\s*(?:works|refused) '([^'{]+)'", re.MULTILINE)  # names that no variable is part of
SYSTEMS = {*MODES["deploy_modes"]["full"], *MODES["deploy_mode_services"]["full"]}


@pytest.fixture(scope="module")
def report():
    return json.loads((CREDENTIALS / "verify.json").read_text())


def test_every_check_was_made_and_is_well(report):
    assert report["ok"] and report["failed"] == 0
    made = {finding["check"] for finding in report["findings"]}
    assert made - SYSTEMS == CHECKS and "postgresql" in made  # the scenario asks one system, site.yml all


def test_no_finding_of_a_script_is_lost(report):
    targets: dict[str, set[str]] = {}
    for finding in report["findings"]:
        targets.setdefault(finding["check"], set()).add(finding["target"])
    scripts = {name: REPOSITORY / f"roles/{name}/templates/verify.sh.j2" for name in targets.keys() & SYSTEMS}
    assert scripts
    assert {name: lost for name, path in scripts.items() if (lost := set(SCRIPTED.findall(path.read_text())) - targets[name])} == {}


def test_every_finding_says_what_and_how_long(report):
    for finding in report["findings"]:
        assert finding["target"] and finding["detail"] and finding["seconds"] >= 0


def test_nothing_stays_in_the_cluster(objects):
    deadline = time.monotonic() + 90
    while names := [item["metadata"]["name"] for item in objects("namespaces --selector voicehelper.local/verify")]:
        assert time.monotonic() < deadline, f"{names} are still there"
        time.sleep(1)
    claims = [volume["spec"]["claimRef"]["namespace"] for volume in objects("persistentvolumes") if volume["spec"].get("claimRef")]
    assert not [claim for claim in claims if claim.startswith("verify-")]
