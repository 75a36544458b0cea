"""Objects that make pods, taken apart."""

WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"}


def label(item):
    return f"{item['kind']}/{item['metadata']['name']}"


def of_kind(objects, kind):
    return [item for item in objects if item["kind"] == kind]


def namespace(item):
    return item["metadata"].get("namespace", "")


def template(item):
    spec = item["spec"]
    return (spec["jobTemplate"]["spec"] if item["kind"] == "CronJob" else spec)["template"]


def pod(item):
    return template(item)["spec"]


def containers(item):
    """Containers that are wholly ours: one that says at most its image marks the place in an object that somebody else made."""
    return [c for c in pod(item).get("initContainers", []) + pod(item)["containers"] if set(c) - {"name", "image"}]


def references(item):
    """(kind, name) of everything that the pods of an object cannot start without."""
    wanted = {("ServiceAccount", pod(item).get("serviceAccountName", "default"))}
    for volume in pod(item).get("volumes", []):
        sources = [volume, *volume.get("projected", {}).get("sources", [])]
        wanted |= {("ConfigMap", s["configMap"]["name"]) for s in sources if "configMap" in s and not s["configMap"].get("optional")}
        wanted |= {("Secret", s["secret"].get("secretName") or s["secret"]["name"]) for s in sources if "secret" in s}
    for entry in (entry for c in containers(item) for entry in c.get("env", []) + c.get("envFrom", [])):
        source = entry.get("valueFrom", entry)
        wanted |= {("Secret", source[key]["name"]) for key in ("secretKeyRef", "secretRef") if key in source}
        wanted |= {("ConfigMap", source[key]["name"]) for key in ("configMapKeyRef", "configMapRef") if key in source}
    return wanted


def selects(selector, labels):
    return all(labels.get(key) == value for key, value in selector.items())
