"""Objects of one component are awaited together, and what is not ready in time is explained."""

from __future__ import annotations

import time

from ansible.utils.display import Display

from bootstrap.errors import BootstrapError
from bootstrap.kube.status import Hopeless, describe, explain, pending

_POLL_SECONDS = 1.0
_PROGRESS_SECONDS = 20


def wait(api, component, wanted, deadline):
    """Return when everything wanted is ready; the answer to an apply spares the first look at what has not changed.

    :param component: its name, for what is told meanwhile.
    :param wanted: (object or reference, condition as `pending` has it) pairs.
    :param deadline: of time.monotonic().
    :raises BootstrapError: something is not ready by then, or never will be; with its conditions, pods, last log lines and events.
    """
    said, seen = time.monotonic(), {id(item): item for item, _ in wanted if "uid" in item["metadata"]}
    while wanted:
        missing, hopeless = [], False
        for item, condition in wanted:
            found = seen.pop(id(item), None) or api.get(item)
            try:
                reason = pending(found, condition)
            except Hopeless as error:
                reason, hopeless = str(error), True
            if reason:
                missing.append((item, condition, found, reason))
        if missing and (hopeless or time.monotonic() > deadline):
            head = "failed" if hopeless else "not ready in time"
            raise BootstrapError("\n".join([head, *(line for m in missing for line in _report(api, *m))]))
        if missing and time.monotonic() - said > _PROGRESS_SECONDS:
            said = time.monotonic()
            Display().display(f"{component}: waiting for " + ", ".join(f"{describe(i)} ({r})" for i, _, _, r in missing))
        wanted = [(item, condition) for item, condition, _, _ in missing]
        if wanted:
            time.sleep(_POLL_SECONDS)


def _report(api, item, _condition, found, reason):
    return [f"  {describe(item)}: {reason}", *(f"    {line}" for line in (explain(api, found) if found else []))]
