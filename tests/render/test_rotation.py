"""While a CA is rotated, every pod that reads it once and for all starts anew."""

from __future__ import annotations

from ansible.parsing.vault import VaultLib

from bootstrap.secrets import rotation
from bootstrap.secrets.entries import reconcile
from bootstrap.secrets.store import SecretStore
from tests.render.rendering import BUNDLES, Site
from tests.render.workloads import label, references, template

SERVING = {"Deployment", "StatefulSet", "DaemonSet"}
KEPT = {
    "Deployment/metrics-server",  # shows a certificate of the site, and trusts the cluster's CA alone
    "Deployment/redis-keeper",  # reads the file for every connection
    "Deployment/toolbox",  # its programs live for a moment
    "StatefulSet/nats",  # reloads; the role asks the servers which certificates they have
}


def introduced(site, folder, name="site_ca"):
    """The state directory of the same site in the first step of a rotation: its CA's, or another secret's."""
    wanted, lives = site.value("{{ site_secrets }}"), site.value("{{ site_certificate_lives }}")
    vault = VaultLib(site.loader._vault.secrets)
    entries = SecretStore(site.state / "secrets.yml", vault).load()
    rotation.rotate("introduce", [name], wanted, entries, lives)
    reconcile(wanted, entries, lives)
    SecretStore(folder / "secrets.yml", vault).save(entries)
    return folder


def trusts_the_ca(item):
    return any(name == "voicehelper-ca" or name.endswith("-tls") for kind, name in references(item) if kind in ("ConfigMap", "Secret"))


def test_what_keeps_the_ca_is_replaced_with_it(make_site, tmp_path):
    before = make_site("lab")
    after = Site("lab", before.loader, introduced(before, tmp_path))
    pairs = [pair for bundle in BUNDLES for pair in zip(before.documents(bundle), after.documents(bundle), strict=True)]
    trusting = [(old, new) for old, new in pairs if old["kind"] in SERVING and trusts_the_ca(old)]
    assert len(trusting) > len(KEPT)
    assert {label(old) for old, new in trusting if template(old) == template(new)} == KEPT


def test_rabbitmqs_members_start_together_with_another_cookie(make_site, tmp_path):
    before = make_site("lab")
    after = Site("lab", before.loader, introduced(before, tmp_path, "rabbitmq_cookie"))
    (bundle,) = (bundle for bundle in BUNDLES if bundle.name == "rabbitmq")
    together = f"{before.value('{{ platform_domain }}')}/together"
    old, new = (
        next(item["metadata"]["annotations"][together] for item in site.documents(bundle) if item["kind"] == "StatefulSet")
        for site in (before, after)
    )
    assert old != new, "one by one, members of two cookies would refuse each other"
