"""The order in which Kubernetes objects may come and go together."""

from __future__ import annotations

# What others depend on comes first, what depends on everything comes last; within a stage objects come together.
_STAGES = (
    {"Namespace", "CustomResourceDefinition", "PriorityClass", "StorageClass"},
    set(),  # every kind that is not named
    {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"},
    {"APIService", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"},
)
_MIDDLE = 1
_PLACE = {kind: number for number, kinds in enumerate(_STAGES) for kind in kinds}


def stages(objects):
    """Objects in the order in which they may be applied together; the other way round they may be deleted."""
    grouped = [[item for item in objects if _PLACE.get(item["kind"], _MIDDLE) == n] for n in range(len(_STAGES))]
    return [stage for stage in grouped if stage]
