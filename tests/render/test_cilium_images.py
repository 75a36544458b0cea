"""What Cilium's chart starts comes from the catalogue too, as a mirror has nothing else, and what it shows is signed by the site."""

import base64

from tests.render.rendering import BUNDLES


def test_every_image_of_the_chart_is_the_catalogues(make_site):
    values = make_site("minimal").value("{{ cilium_values }}", "cilium")
    images = [values["image"], values["operator"]["image"], values["envoy"]["image"]]
    assert values["envoy"]["enabled"] and all("@sha256:" in image["override"] for image in images)
    assert make_site("lab").value("{{ cilium_values }}", "cilium")["envoy"] == {"enabled": False}


def test_hubbles_certificate_is_the_sites_which_an_ordinary_run_renews(make_site):
    """What the chart makes itself it keeps until it ends."""
    site = make_site("minimal")
    hubble = site.value("{{ cilium_values }}", "cilium")["hubble"]
    (secret,) = site.documents(next(bundle for bundle in BUNDLES if bundle.name == "hubble-tls"))
    named = {hubble["tls"]["server"]["existingSecret"], hubble["relay"]["tls"]["client"]["existingSecret"]}
    assert (hubble["tls"]["auto"]["enabled"], named) == (False, {secret["metadata"]["name"]})
    entry = site.value("{{ lookup('site_secret', 'hubble_tls') }}", "cilium")
    shown = {name: base64.b64decode(text).decode() for name, text in secret["data"].items()}
    assert shown == {"tls.crt": entry["cert"], "tls.key": entry["key"], "ca.crt": entry["ca"]}
