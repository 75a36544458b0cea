"""Documentation of the action plugin verify_report."""

DOCUMENTATION = r"""
module: verify_report
short_description: Show, write and judge the findings of a verification
description:
  - Shows one table of all findings, writes them to a JSON file, and fails when any of them failed.
options:
  findings:
    description: >-
      Entries as cluster_checks gives them, or as a system's own checks do (system, check, ok, found).
    type: list
    elements: dict
    required: true
  path:
    description: The JSON report. Check mode leaves it alone.
    type: path
    required: true
author: VoiceHelper
"""
