"""What Cilium's chart starts comes from the catalogue too: a mirror has nothing else."""


def test_every_image_of_the_chart_is_the_catalogues(make_site):
    values = make_site("minimal").value("{{ cilium_values }}", "cilium")
    images = [values["image"], values["operator"]["image"], values["envoy"]["image"]]
    assert values["envoy"]["enabled"] and all("@sha256:" in image["override"] for image in images)
    assert make_site("lab").value("{{ cilium_values }}", "cilium")["envoy"] == {"enabled": False}
