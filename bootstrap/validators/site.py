"""What an inventory says, as the rules read it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Site:
    """What the inventory says.

    `variables` are those of the controller; `hosts` maps each node to its own; `groups` maps a group to its members;
    `secrets_error` says why the site's secrets file cannot be read ("" when it can, or is not there yet).
    `given` maps "site" and each node to the variables that the inventory or the command line gives it, `lost` are those of the inventory's
    group all; `options` are all options of all roles by name, `shared` what group_vars/all says.
    """

    variables: Mapping[str, Any]
    hosts: Mapping[str, Mapping[str, Any]]
    groups: Mapping[str, list[str]]
    removed: Mapping[str, str] = field(default_factory=dict)
    secrets_error: str = ""
    given: Mapping[str, Collection[str]] = field(default_factory=dict)
    lost: Collection[str] = ()
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    shared: Mapping[str, Any] = field(default_factory=dict)

    def members(self, group: str) -> list[str]:
        """The hosts of a group; none when the inventory lacks it."""
        return list(self.groups.get(group, []))
