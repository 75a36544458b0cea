"""Rules for the names of variables: one that nothing reads would look as if it worked."""

from __future__ import annotations

from collections.abc import Iterator

from .findings import Finding
from .values import near

PRIVATE = ("ansible_", "lab_", "site_")  # Ansible's own, those of the command `lab`, and those that a site keeps for itself
# Of the command line: no role has them as an option.
OF_A_RUN = (
    "accept",
    "backup_first",
    "confirm",
    "data",
    "node",
    "output",
    "prune",
    "remove",
    "require_cluster_timeout",
    "resume",
    "wipe_data",
)


def check_unknown(site) -> Iterator[Finding]:
    """Every variable that the inventory or the command line gives is one that somebody reads."""
    known = {*site.options, *site.shared, *OF_A_RUN}
    for owner, names in site.given.items():
        for name in sorted(names):
            if name in known or name in site.removed or name.startswith(PRIVATE):
                continue
            remedy = near(name, known) or f"A variable of the site's own begins with {PRIVATE[-1]}"
            yield Finding(owner, name, "a variable that nothing reads", "a variable of this project", remedy)


def check_group_all(site) -> Iterator[Finding]:
    """Nothing stands in the inventory's own group `all`, where it loses against what all sites share."""
    for name in sorted(site.lost):
        found, wanted = "in the inventory's group all", "in group_vars/site/ of the inventory"
        yield Finding("site", name, found, wanted, "The values that all sites share win over the group all, without a word")


CHECKS = (check_unknown, check_group_all)
