"""Action of the module k8s_prune: it names what belongs to bundles, and removes it when told."""

from __future__ import annotations

from itertools import groupby

from ansible.utils.display import Display

from bootstrap.ansible import KubernetesAction
from bootstrap.kube.prune import claims, find, remove
from bootstrap.kube.status import describe


class ActionModule(KubernetesAction):
    """Gives the objects that it removed, or would remove."""

    about = "What the mode does not have could not be removed"

    def execute(self, arguments, task_vars):
        label, told = arguments["label"], arguments["remove"]
        api = self.cluster(arguments)
        objects = find(api, label, arguments["bundles"])
        kept = claims(api, objects)
        if objects:
            verb = "" if not told else "would be removed" if self.check else "are removed"
            Display().display("\n".join(_announcement(objects, kept, label, verb)), color="yellow")
        if told and not self.check:
            remove(api, objects, arguments["timeout"])
        return {"changed": told and bool(objects), "objects": [describe(item) for item in objects], "kept": kept}


def _announcement(objects, kept, label, verb):
    """Lines that name what is there and what becomes of it; without a verb nothing does."""

    def bundle(item):
        return item["metadata"]["labels"][label]

    grouped = {name: [describe(item) for item in items] for name, items in groupby(sorted(objects, key=bundle), bundle)}
    if not verb:
        yield f"Not in the mode, but there: {', '.join(f'{name} ({len(items)} objects)' for name, items in grouped.items())}."
        yield "-e prune=true removes them and keeps their volumes."
        return
    yield f"Not in the mode; {len(objects)} objects {verb}:"
    for name, items in grouped.items():
        yield f"  {name}: {', '.join(items)}"
    yield f"Kept, with the volumes behind them: {', '.join(kept) or 'no claims'}."
