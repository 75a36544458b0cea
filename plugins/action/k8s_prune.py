"""Action of the module k8s_prune: it names what belongs to bundles, and removes it when told."""

from __future__ import annotations

from itertools import groupby

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from bootstrap.kube.api import ApiError, KubeApi
from bootstrap.kube.prune import claims, find, remove
from bootstrap.kube.status import describe


class ActionModule(ActionBase):
    """Gives the objects that it removed, or would remove."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """See the documentation of the module."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            argument_spec={
                "kubeconfig": {"type": "path", "required": True},
                "label": {"type": "str", "required": True},
                "bundles": {"type": "list", "elements": "str", "required": True},
                "remove": {"type": "bool", "default": False},
                "timeout": {"type": "int", "default": 300},
            }
        )
        label, told = arguments["label"], arguments["remove"]
        try:
            api = KubeApi(arguments["kubeconfig"])
            objects = find(api, label, arguments["bundles"])
            kept = claims(api, objects)
            if objects:
                verb = "" if not told else "would be removed" if self._task.check_mode else "are removed"
                Display().display("\n".join(_announcement(objects, kept, label, verb)), color="yellow")
            if told and not self._task.check_mode:
                remove(api, objects, arguments["timeout"])
        except (ApiError, TimeoutError) as error:
            raise AnsibleActionFail(f"What the mode does not have could not be removed: {error}") from error
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
