#!/usr/bin/python
"""Judge the inventory before any machine is contacted; the work is done by the action plugin of this name."""

DOCUMENTATION = r"""
module: inventory_check
short_description: Judge the inventory before any machine is contacted
description:
  - Checks topology, names, addresses, networks, versions, disks and the vault password.
  - Every variable is one that this project reads, and its value has the type and the form that the variable wants.
  - All findings are shown at once, as a table of host, variable, found and wanted. Nothing is contacted or changed.
options:
  removed:
    description: Names of variables that are not read (any more), each with what to use instead.
    type: dict
    default: {}
  secrets_file:
    description: The site's encrypted secrets, whose vault password is tried when the file exists.
    type: path
author: VoiceHelper
"""

EXAMPLES = r"""
- name: Check the inventory
  inventory_check:
    secrets_file: "{{ site_secrets_file }}"
"""
