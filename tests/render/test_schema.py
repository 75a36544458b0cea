"""Every object that this project applies is one that the API server of the chosen version would accept."""

from __future__ import annotations

import kubernetes_validate
import pytest
import yaml

from tests.render.rendering import BUNDLES, PROJECT

VERSION = str(yaml.safe_load((PROJECT / "group_vars/all/artifacts.yml").read_text())["artifacts_versions"]["kubernetes"])
# Kinds that come with a component's own definitions; the cluster checks them, with unknown fields refused, when they are applied.
OWN_GROUPS = ("cilium.io",)


@pytest.mark.parametrize("bundle", BUNDLES, ids=str)
def test_objects_follow_their_schema(site, bundle):
    faults = []
    for item in site.documents(bundle):
        if item["apiVersion"].split("/")[0] in OWN_GROUPS:
            continue
        try:
            kubernetes_validate.validate(item, VERSION, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            where = ".".join(str(part) for part in getattr(error, "path", []))
            faults.append(f"{item['kind']} {item['metadata']['name']}: {where} {error.message}")
    assert not faults, "\n".join(faults)


def test_an_unknown_field_is_found():
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "dota": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(item, VERSION, strict=True)
