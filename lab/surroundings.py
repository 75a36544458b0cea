"""What a lab takes, and does not take, from the shell that it is called from."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from artifacts.store import REPOSITORY

FOREIGN = ("ANSIBLE_", "PYTHONHOME", "PYTHONPATH")  # another project's settings and modules
LOOKS = ("ANSIBLE_FORCE_COLOR", "ANSIBLE_NOCOLOR")
# A locale that is always there, in UTF-8: Ansible refuses to start in any other. And the settings of this clone.
OWN = {"LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg")}


def settle(environment: MutableMapping[str, str] = os.environ) -> None:
    """Make an environment one in which every program of a lab works, whatever the caller's shell says of other work."""
    for name in [name for name in environment if name.startswith(FOREIGN) and name not in LOOKS]:
        del environment[name]
    environment.update(OWN)
