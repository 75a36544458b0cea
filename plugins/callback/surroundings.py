"""What a run does not take from its caller's shell: it knows its cluster from the inventory alone."""

from __future__ import annotations

DOCUMENTATION = r"""
name: surroundings
type: aggregate
short_description: Keep what the caller's shell says of other clusters away from a run
description:
  - Proxies are for what lies outside the site, such as downloads; C(platform_direct) is reached without them.
  - Variables that lead Helm or a Kubernetes client to another cluster are not passed on.
"""

import os
from collections.abc import MutableMapping

from ansible.plugins.callback import CallbackBase
from ansible.template import Templar

OTHER_CLUSTERS = ("HELM_", "K8S_AUTH_", "KUBECONFIG")
NO_PROXY = ("NO_PROXY", "no_proxy")


def forget_other_clusters(environment: MutableMapping[str, str]) -> None:
    """Remove the variables by which Helm and Kubernetes clients are led elsewhere."""
    for name in [name for name in environment if name.startswith(OTHER_CLUSTERS)]:
        del environment[name]


def bypass_proxies(environment: MutableMapping[str, str], direct: list[str]) -> None:
    """Add hosts and networks to those that are reached directly, for programs that read either spelling."""
    known = [part.strip() for name in NO_PROXY for part in environment.get(name, "").split(",")]
    text = ",".join(part for part in dict.fromkeys([*known, *direct]) if part)
    environment.update(dict.fromkeys(NO_PROXY, text))


def direct_of(play) -> list[str]:
    """``platform_direct`` of the site that a play runs on; nothing where the inventory is of none."""
    manager = play.get_variable_manager()
    hosts = manager._inventory.get_hosts("controller")
    if not hosts:
        return []
    variables = manager.get_vars(play=play, host=hosts[0])
    return Templar(loader=play.get_loader(), variables=variables).template(variables.get("platform_direct", []))


class CallbackModule(CallbackBase):
    """Tasks run in processes that are forked from this one, so what is set here holds for every one of them."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "surroundings"

    def v2_playbook_on_play_start(self, play):
        forget_other_clusters(os.environ)
        bypass_proxies(os.environ, direct_of(play))
