"""Keeps the secrets that a living site was founded on: another set in their place is the loss of the cluster and of its encrypted data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.node.member_facts import fingerprint

PERMISSION = "new-secret:"
SHOWN = 16  # digits of a fingerprint; nobody compares sixty-four
REMEDY = (
    "Nothing was changed. Copy the vault's file from the controller that has it (docs/how-to/replace-secrets.md, "
    "also for the case that it is lost)."
)


def refusals(
    path: str,
    wanted: Mapping[str, Mapping[str, Any]],
    entries: Mapping[str, Mapping[str, Any]],
    found: Mapping[str, Mapping[str, Any] | None],
    known: str,
    confirmed: list[str],
) -> list[str]:
    """One line for each way in which these secrets are not the site's own.

    Args:
        path: the vault's file, for the text.
        wanted: the specifications of the secrets; those that a site is founded on say `founding`.
        entries: what the vault has.
        found: by host, the answer of kubeadm_member: `stage` and `fingerprints`. None for a control plane that was not asked.
        known: path of the kubeconfig of the site when there is one, else "".
        confirmed: what the operator allowed, such as `new-secret:site_ca`.
    """
    lines = []
    for host, answer in found.items():
        for name, there in (answer or {}).get("fingerprints", {}).items():
            here = _fingerprints(entries[name]) if name in entries else []
            if there not in here:
                ours = f"{here[0][:SHOWN]} of {path}" if here else f"nothing in {path}"
                lines.append(f"{host}: {name}: found {there[:SHOWN]} (SHA-256) in force, and {ours}; wanted the same.")
    if lines:
        return lines
    missing = [name for name in wanted if wanted[name].get("founding") and name not in entries and PERMISSION + name not in confirmed]
    signs = [sign for host, answer in found.items() if (sign := _sign(host, answer))] + ([f"{known} is there"] if known else [])
    if missing and signs:
        lines.append(
            f"site_secrets: found no {', '.join(missing)} in {path}, and {', '.join(signs)}; wanted the file that the site was made with."
        )
    return lines


def _fingerprints(entry: Mapping[str, Any]) -> list[str]:
    """Fingerprints of what may lie on a node: certificate of a CA, public half of a pair; the previous one too during a rotation."""
    values = [entry[part] for part in ("value", "previous") if part in entry]
    return [fingerprint(value if isinstance(value, str) else value.get("cert") or value["public"]) for value in values]


def _sign(host: str, answer: Mapping[str, Any] | None) -> str:
    """What about a host tells, or may hide, that the site is in use; empty when nothing does."""
    if answer is None:
        return f"{host} could not be asked"
    return "" if answer["stage"] == "absent" else f"{host} belongs to a cluster"
