"""The secrets of a site: the file, the kinds, renewal."""

import base64
import re
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bootstrap.secrets import entries as secret_entries
from bootstrap.secrets import pki
from bootstrap.secrets.store import SecretStore, SecretStoreError

WANTED = {
    "web": {"kind": "certificate", "ca": "authority", "common_name": "web", "sans": ["web.example", "10.0.0.7"]},
    "authority": {"kind": "ca", "common_name": "Test authority"},
    "login": {"kind": "password", "length": 20},
    "token": {"kind": "hex", "length": 48},
    "box": {"kind": "secretbox"},
}
LIVES = {"ca_days": 3650, "days": 900, "renew_share": 0.3334, "fail_days": 45}


def reconcile(wanted, entries):
    return secret_entries.reconcile(wanted, entries, LIVES)


def vault(password="correct"):
    return VaultLib([("default", VaultSecret(password.encode()))])


@pytest.fixture
def made():
    entries = {}
    assert sorted(reconcile(WANTED, entries)) == sorted(WANTED)
    return entries


def verify(leaf, ca_pem):
    ca = x509.load_pem_x509_certificate(ca_pem.encode())
    x509.load_pem_x509_certificate(leaf["cert"].encode()).verify_directly_issued_by(ca)


class TestKinds:
    def test_password_is_safe_in_urls(self, made):
        assert re.fullmatch(r"[A-Za-z0-9]{20}", made["login"]["value"])

    def test_hex(self, made):
        assert re.fullmatch(r"[0-9a-f]{48}", made["token"]["value"])

    def test_secretbox_is_32_bytes(self, made):
        assert len(base64.b64decode(made["box"]["value"], validate=True)) == 32

    def test_ca_is_self_signed_for_ten_years(self, made):
        value = made["authority"]["value"]
        certificate = x509.load_pem_x509_certificate(value["cert"].encode())
        certificate.verify_directly_issued_by(certificate)
        assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert 3649 <= pki.days_left(value["cert"]) <= 3650
        assert value["ca"] == value["cert"]

    def test_certificate_is_signed_and_names_its_hosts(self, made):
        value = made["web"]["value"]
        verify(value, value["ca"])
        certificate = x509.load_pem_x509_certificate(value["cert"].encode())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == ["web.example"]
        assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.7"]
        key = load_pem_private_key(value["key"].encode(), None)
        assert key.public_key() == certificate.public_key()

    def test_openssl_accepts_the_chain(self, made, tmp_path):
        (tmp_path / "ca").write_text(made["web"]["value"]["ca"])
        (tmp_path / "cert").write_text(made["web"]["value"]["cert"])
        command = ["openssl", "verify", "-x509_strict", "-CAfile", tmp_path / "ca", tmp_path / "cert"]
        subprocess.run(command, check=True, capture_output=True)


class TestReconcile:
    def test_second_run_changes_nothing(self, made):
        assert reconcile(WANTED, made) == []

    def test_only_the_missing_is_made(self, made):
        before = made["login"]["value"]
        del made["token"]
        assert reconcile(WANTED, made) == ["token"]
        assert made["login"]["value"] == before

    @pytest.mark.parametrize("change", [{"sans": ["other.example"]}, {"common_name": "other"}, {"sans": ["web.example"]}])
    def test_changed_names_are_signed_with_a_new_key(self, made, change):
        before = made["web"]["value"]
        assert reconcile(WANTED | {"web": WANTED["web"] | change}, made) == ["web"]
        assert made["web"]["value"]["key"] != before["key"]
        assert made["web"]["value"]["cert"] != before["cert"]

    @pytest.mark.parametrize(
        ("change", "uses"),
        [
            ({}, {"serverAuth", "clientAuth"}),
            ({"use": "server"}, {"serverAuth"}),
            ({"sans": [], "organization": "group"}, {"clientAuth"}),
        ],
    )
    def test_a_certificate_is_good_for_its_use_alone(self, made, change, uses):
        wanted = WANTED | {"web": WANTED["web"] | change}
        assert reconcile(wanted, made) == (["web"] if change else [])
        certificate = x509.load_pem_x509_certificate(made["web"]["value"]["cert"].encode())
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert {use._name for use in found} == uses
        assert reconcile(wanted, made) == []

    def test_a_use_that_nobody_knows_is_refused_by_name(self):
        with pytest.raises(SecretStoreError, match=r"site_secrets.web.use: found 'both'; wanted server, client, member"):
            secret_entries.check(WANTED | {"web": WANTED["web"] | {"use": "both"}}, LIVES)

    def test_order_of_names_does_not_matter(self, made):
        turned = WANTED["web"] | {"sans": WANTED["web"]["sans"][::-1]}
        assert reconcile(WANTED | {"web": turned}, made) == []

    @pytest.mark.parametrize(("past", "due"), [(0.45, "none"), (0.58, "some"), (0.7, "all")])
    def test_renewed_between_a_half_and_a_third_of_its_life_before_the_end(self, made, monkeypatch, past, due):
        wanted = WANTED | {f"web{number}": WANTED["web"] | {"common_name": f"web{number}"} for number in range(12)}
        reconcile(wanted, made)
        now = pki.datetime.now(pki.UTC) + pki.timedelta(days=LIVES["days"] * past)
        monkeypatch.setattr(pki, "datetime", SimpleNamespace(now=lambda _: now))
        renewed = reconcile(wanted, made)
        assert {0: "none", 13: "all"}.get(len(renewed), "some") == due
        assert reconcile(wanted, made) == []

    def test_certificate_never_outlives_its_ca(self):
        entries = {}
        reconcile(WANTED | {"authority": WANTED["authority"] | {"days": 100}}, entries)
        assert pki.days_left(entries["web"]["value"]["cert"]) <= 100


class TestCheck:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"login": {"kind": "pin"}}, r"site_secrets.login.kind: found 'pin'; wanted one of password"),
            ({"web": WANTED["web"] | {"ca": "login"}}, r"site_secrets.web.ca: found 'login'; wanted an entry of kind"),
            ({"web": WANTED["web"] | {"sans": []}}, r"site_secrets.web.sans: found none"),
            ({"web": WANTED["web"] | {"days": 135}}, r"site_secrets.web.days: found 135; wanted more than 135, so that it is"),
        ],
    )
    def test_refused(self, change, message):
        with pytest.raises(SecretStoreError, match=message):
            secret_entries.check(WANTED | change, LIVES)

    def test_accepted(self):
        secret_entries.check(WANTED, LIVES)


class TestStore:
    def test_no_file_is_no_entries(self, tmp_path):
        assert SecretStore(tmp_path / "secrets.yml", vault()).load() == {}

    def test_saved_encrypted_private_and_whole(self, tmp_path, made):
        store = SecretStore(tmp_path / "state" / "secrets.yml", vault())
        store.save(made)
        assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
        assert store.path.read_bytes().startswith(b"$ANSIBLE_VAULT;1.1;AES256")
        assert made["login"]["value"].encode() not in store.path.read_bytes()
        assert store.load() == made
        assert [path.name for path in store.path.parent.iterdir()] == ["secrets.yml"]

    def test_a_failed_save_leaves_the_file(self, tmp_path, made):
        store = SecretStore(tmp_path / "secrets.yml", vault())
        store.save(made)
        with pytest.raises(Exception, match="password must be specified"):
            SecretStore(store.path, VaultLib()).save({})
        assert store.load() == made
        assert [path.name for path in tmp_path.iterdir()] == ["secrets.yml"]

    def test_wrong_password_names_file_found_and_wanted(self, tmp_path, made):
        store = SecretStore(tmp_path / "secrets.yml", vault())
        store.save(made)
        message = rf"{store.path}: found a vault that this vault password does not open; wanted the password .*_FILE"
        with pytest.raises(SecretStoreError, match=message):
            SecretStore(store.path, vault("wrong")).load()

    def test_plain_text_is_refused(self, tmp_path):
        path = tmp_path / "secrets.yml"
        path.write_text("login: {kind: password, value: hunter2}\n")
        with pytest.raises(SecretStoreError, match="found plain text; wanted a file encrypted") as error:
            SecretStore(path, vault()).load()
        assert "hunter2" not in str(error.value)

    def test_a_folder_in_the_way(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(SecretStoreError, match="wanted a folder that this user can write"):
            SecretStore(tmp_path / "file" / "secrets.yml", vault()).save({})

    def test_runs_at_the_same_time_make_one_value(self, tmp_path):
        def run(_):
            store = SecretStore(tmp_path / "secrets.yml", vault())
            with store.locked():
                entries = store.load()
                if reconcile({"login": WANTED["login"]}, entries):
                    store.save(entries)
                return entries["login"]["value"]

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(run, range(16)))) == 1
