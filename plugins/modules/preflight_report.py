#!/usr/bin/python
"""Judge what node_probe saw on all nodes; the work is done by the action plugin of this name."""

DOCUMENTATION = r"""
module: preflight_report
short_description: Judge what node_probe saw on all nodes
description:
  - Compares the answers of all nodes with the size class, the wanted versions and each other.
  - All findings are shown at once, as a table of host, what, found and wanted. Nothing is contacted or changed.
options:
  probe:
    description: Name of the variable that each node's answer was registered in.
    type: str
    required: true
  limits:
    description: Where a measured value becomes a finding, as in preflight_limits.
    type: dict
    required: true
  tolerate:
    description: Rules that are accepted as they are, for hosts that do not set preflight_tolerate themselves.
    type: list
    elements: str
    default: []
author: VoiceHelper
"""

EXAMPLES = r"""
- name: Judge all nodes together
  preflight_report:
    probe: preflight_node
    limits: "{{ preflight_limits }}"
    tolerate: "{{ preflight_tolerate }}"
  run_once: true
"""
