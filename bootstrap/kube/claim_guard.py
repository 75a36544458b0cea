"""Keeps what live claims ask for, which cannot change: a volume grows below its claim, and before the settings that count on it."""

from __future__ import annotations

from bootstrap.kube.quantity import in_bytes
from bootstrap.kube.status import describe


def keep(api, objects):
    """Put the live size into the claims and claim templates of `objects`; one line for each StatefulSet and claim that asks for another.

    A claim asks for the least; what it gets is the size of its volume.

    :returns: (what was kept, what is refused because its volumes have yet to grow), both lists of lines.
    """
    kept, refused = [], []
    for item in objects:
        live = api.get(item) if item["kind"] in ("StatefulSet", "PersistentVolumeClaim") else None
        for wanted, found, claims in _pairs(item, live) if live else ():
            has, asks = (claim["spec"]["resources"]["requests"]["storage"] for claim in (found, wanted))
            if in_bytes(has) == in_bytes(asks):
                continue
            wanted["spec"]["resources"]["requests"]["storage"] = has
            kept.append(f"{describe(item)}: claims go on asking for {has}, wanted {asks}: what they get is the size of their volumes")
            namespace = live["metadata"]["namespace"]
            refused += [f"{describe(item)}: {line}" for name in claims for line in _small(api, namespace, name, asks)]
    return kept, refused


def _pairs(item, live):
    """(claim as wanted, as it lives, names of the claims made of it) of a claim or a StatefulSet."""
    if item["kind"] == "PersistentVolumeClaim":
        yield item, live, [live["metadata"]["name"]]
        return
    templates = {template["metadata"]["name"]: template for template in live["spec"].get("volumeClaimTemplates", [])}
    for wanted in item["spec"].get("volumeClaimTemplates", []):
        name = wanted["metadata"]["name"]
        if name in templates:
            members = range(max(live["spec"]["replicas"], item["spec"].get("replicas", 0)))  # those that are stopped too
            yield wanted, templates[name], [f"{name}-{live['metadata']['name']}-{number}" for number in members]


def _small(api, namespace, name, asks):
    """Why the volume of a claim is too small, in a list."""
    claim = api.get({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"namespace": namespace, "name": name}})
    volume = claim and claim["spec"].get("volumeName")
    found = volume and api.get({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume}})
    has = found["spec"]["capacity"]["storage"] if found else asks
    if in_bytes(has) >= in_bytes(asks):
        return []
    remedy = f"let the volumes grow first (site.yml --tags storage,storage_classes), or keep {has} in the inventory"
    return [f"the volume {volume} of {name} has {has}, wanted {asks}; {remedy}"]
