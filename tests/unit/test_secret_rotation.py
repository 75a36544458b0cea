"""Rotation of a site's secrets: its stages, what is refused, who is told, and that the table says all that is needed."""

import re
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from bootstrap.secrets import rotation
from bootstrap.secrets.entries import reconcile, versions
from bootstrap.secrets.rotation import STEPS, consumers, plan, rotatable, unfinished
from bootstrap.secrets.store import SecretStoreError

ROOT = Path(__file__).parents[2]
LIVES = {"ca_days": 3650, "days": 900, "renew_share": 0.3334, "fail_days": 45}
WANTED = {
    "authority": {"kind": "ca", "common_name": "Test authority", "node_consumers": ["trust"], "consumers": ["trust"]},
    "web": {"kind": "certificate", "ca": "authority", "common_name": "web", "sans": ["web.example"], "consumers": ["web"]},
    "login": {"kind": "password", "consumers": ["secrets", "web"], "cuts_off": "applications"},
    "token": {"kind": "hex", "consumers": []},
    "fixed": {"kind": "password"},
    "box": {"kind": "secretbox", "control_plane_consumers": ["server/configure"], "consumers": ["server/rewrite"], "cuts_off": "snapshots"},
    "pair": {"kind": "keypair", "control_plane_consumers": ["server/configure"], "cuts_off": "old tokens"},
}
SITE = yaml.safe_load((ROOT / "group_vars/all/secrets.yml").read_text())["site_secrets"]


@pytest.fixture
def made():
    entries = {}
    reconcile(WANTED, entries, LIVES)
    return entries


def take(step, names, entries):
    """A step as the action takes it; the roles to run, by host group."""
    rotation.rotate(step, names, WANTED, entries, LIVES)
    reconcile(WANTED, entries, LIVES)
    return consumers(step, names, WANTED, entries)


def verify(leaf, ca_pem):
    ca = x509.load_pem_x509_certificate(ca_pem.encode())
    x509.load_pem_x509_certificate(leaf["cert"].encode()).verify_directly_issued_by(ca)


class TestStages:
    def test_a_password_keeps_the_previous_one_until_retired(self, made):
        before = made["login"]["value"]
        take("introduce", ["login"], made)
        assert made["login"]["previous"] == before != made["login"]["value"]
        take("adopt", ["login"], made)
        assert made["login"]["stage"] == "introduce"
        take("retire", ["login"], made)
        assert set(made["login"]) == {"kind", "value", "stage"}
        take("finish", ["login"], made)
        assert set(made["login"]) == {"kind", "value"}

    def test_who_took_the_new_value_is_told_when_the_previous_one_is_gone(self, made):
        told = {step: take(step, ["login"], made)["controller"] for step in STEPS}
        assert told == {"introduce": ["secrets", "web"], "adopt": [], "retire": ["secrets", "web"], "finish": []}

    def test_a_ca_is_trusted_before_it_signs_and_signs_new_keys(self, made):
        old, leaf = made["authority"]["value"]["cert"], made["web"]["value"]
        assert take("introduce", ["authority"], made) == {"control_plane": [], "nodes": ["trust"], "controller": ["trust", "web"]}
        new = made["authority"]["value"]["cert"]
        verify(made["web"]["value"], old)
        assert made["web"]["value"] == leaf | {"ca": new + old}
        assert made["authority"]["value"]["ca"] == new + old

        assert take("adopt", ["authority"], made)["controller"] == ["trust", "web"]
        verify(made["web"]["value"], new)
        assert made["web"]["value"]["ca"] == new + old
        assert made["web"]["value"]["key"] != leaf["key"]

        take("retire", ["authority"], made)
        verify(made["web"]["value"], new)
        assert made["web"]["value"]["ca"] == new == made["authority"]["value"]["ca"]

    @pytest.mark.parametrize("name", ["authority", "box", "pair"])
    def test_what_signs_or_encrypts_is_known_to_all_before_it_does(self, made, name):
        old = made[name]["value"]
        take("introduce", [name], made)
        first, second = versions(made[name])
        assert (first, second) == (made[name]["previous"], made[name]["value"]) and first == old
        assert set(take("adopt", [name], made)["control_plane"]) == set(WANTED[name].get("control_plane_consumers", []))
        assert versions(made[name]) == [second | {"ca": made[name]["value"]["ca"]} if name == "authority" else second, old]
        take("retire", [name], made)
        assert versions(made[name]) == [made[name]["value"]]

    @pytest.mark.parametrize("ended_in", STEPS[:3])
    def test_an_interrupted_rotation_goes_on_with_the_same_value_and_ends(self, made, ended_in):
        names = ["authority", "login"]
        for step in STEPS[: STEPS.index(ended_in) + 1]:
            told = take(step, names, made)
        values = {name: made[name]["value"] for name in names}
        assert plan([], True, WANTED, made) == names
        again = {step: take(step, names, made) for step in STEPS}
        assert again[ended_in] == told
        assert {name: made[name]["value"]["key"] if name == "authority" else made[name]["value"] for name in names} == {
            "authority": values["authority"]["key"],
            "login": values["login"],
        }
        assert unfinished(made) == {}


class TestPlan:
    @pytest.mark.parametrize("stage", STEPS[:3])
    def test_a_new_rotation_is_not_taken_for_the_old_one(self, made, stage):
        for step in STEPS[: STEPS.index(stage) + 1]:
            take(step, ["authority"], made)
        with pytest.raises(SecretStoreError, match=rf"a rotation that is not finished \(authority at {stage}\); wanted -e resume=true"):
            plan(["login", "authority"], False, WANTED, made)
        assert plan(["login"], False, WANTED, made) == ["login"]

    def test_what_is_not_being_rotated_is_not_continued(self, made):
        take("introduce", ["authority"], made)
        with pytest.raises(SecretStoreError, match="resume: found login; wanted what is being rotated: authority"):
            plan(["login"], True, WANTED, made)

    @pytest.mark.parametrize("name", ["fixed", "nothing"])
    def test_what_nobody_takes_is_refused(self, made, name):
        with pytest.raises(SecretStoreError, match=f"rotate: found {name}; wanted .*: authority, box, login, pair, token, web"):
            plan([name], False, WANTED, made)

    def test_who_is_cut_off_is_said(self):
        assert rotation.cut_off(["authority", "login"], WANTED) == ["login: applications"]


class TestTable:
    """group_vars/all/secrets.yml against the roles."""

    def test_every_consumer_is_a_role(self):
        places = rotation.PLACES
        roles = {role.partition("/") for entry in SITE.values() for place in places for role in entry.get(place, [])}
        missing = [role for role, _, file in roles if not (ROOT / f"roles/{role}/tasks/{file or 'main'}.yml").is_file()]
        assert missing == []

    def test_what_cannot_be_rotated_is_known(self):
        kept = {"data_disks_key", "backup_postgresql_cipher", "storage_site"}  # what lies on a disk or in an archive was made with it
        assert set(SITE) - set(rotatable(SITE)) == kept

    def test_it_says_of_every_value_whether_the_old_one_is_refused_at_once(self):
        kinds = ("password", "hex", "secretbox", "keypair")
        silent = {name for name in rotatable(SITE) if SITE[name]["kind"] in kinds and "cuts_off" not in SITE[name]}
        assert silent == set()

    def test_both_values_count_where_a_server_is_told_both(self):
        told = set()
        for path in [*ROOT.glob("roles/*/vars/**/*.yml"), *ROOT.glob("roles/*/defaults/*.yml")]:
            told |= set(re.findall(r"previous: .*lookup\('site_secret', '(\w+)', previous=true\)", path.read_text()))
        assert told == {name for name in SITE if SITE[name].get("cuts_off") == ""}
