"""Rules for what an inventory says: topology, names, required and removed variables, disks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ansible.module_utils.parsing.convert_bool import boolean

from . import addresses, delivery, kinds, names, values
from .findings import Finding
from .site import Site

REQUIRED = {
    "platform_size": "the size class of the site",
    "platform_node_cidr": "the network of the nodes, such as 192.168.10.0/24",
    "platform_load_balancer_pool": "{start: first address, stop: last address} for services of type LoadBalancer",
}
# What has a default that an operator should have decided on: what that means, and what to say instead.
DECISIONS = {
    "firewall_ssh_from": (
        "nothing: every node's SSH is open to all addresses, IPv6 too",
        "the networks of those who administer, the controller's among them; with [0.0.0.0/0] it stays open",
    ),
    "firewall_api_from": (
        "nothing: the API is open to all addresses, IPv6 too",
        "the networks of those who use kubectl, the controller's among them; with [0.0.0.0/0] it stays open",
    ),
    "minio_backup_s3": (
        "nothing: there is no off-site copy of the objects, and so none of the backups: the secondary is a disk of this very cluster",
        "an S3 elsewhere; with {} it stays here",
    ),
}
ROLES = ("control_plane", "workers")
DISK_KEYS = {"device", "wipe", "encrypt"}


def check_required(site: Site) -> Iterator[Finding]:
    """What has no sensible default is set."""
    for name, meaning in REQUIRED.items():
        if site.variables.get(name) in (None, "", {}):
            yield Finding("site", name, "nothing", meaning, "Set it in the inventory's group_vars/site/site.yml")


def check_decisions(site: Site) -> Iterator[Finding]:
    """What is better decided than left to its default is said, where the site has what it is about. The run goes on."""
    filtered = boolean(site.variables.get("firewall_enabled", True), strict=False)
    deployed = site.variables.get("deploy_components") or []
    for name, (found, wanted) in DECISIONS.items():
        asked = filtered if name.startswith("firewall_") else "minio" in deployed
        if asked and not any(name in given for given in site.given.values()):
            yield Finding("site", name, found, wanted, "Why: docs/security.md", fatal=False)


def check_removed(site: Site) -> Iterator[Finding]:
    """No variable that this project no longer reads, or reads under another name."""
    for host, variables in {"site": site.variables, **site.hosts}.items():
        for name, instead in site.removed.items():
            if name in variables and (host == "site" or name not in site.variables):
                yield Finding(host, name, str(variables[name]), f"the variable is not read here; use {instead}")


def check_size(site: Site) -> Iterator[Finding]:
    """The size class is one that sizing.yml knows."""
    size, classes = site.variables.get("platform_size"), site.variables.get("sizing_classes") or {}
    if size and size not in classes:
        yield Finding("site", "platform_size", str(size), f"one of {', '.join(sorted(classes))}")


def check_model(site: Site) -> Iterator[Finding]:
    """Each model is one of its table."""
    for name in ("embedding_model", "language_model"):
        model, models = site.variables.get(name), site.variables.get(f"{name}s") or {}
        if model not in models and models:
            yield Finding("site", name, str(model or "nothing"), f"one of {', '.join(models)}")


def check_mode(site: Site) -> Iterator[Finding]:
    """The mode is one of the table, and every component that is to be deployed belongs to one of its modes."""
    mode, modes = site.variables.get("deploy_mode"), site.variables.get("deploy_modes") or {}
    if mode not in modes:
        yield Finding("site", "deploy_mode", str(mode or "nothing"), f"one of {', '.join(modes)}")
        return
    known = {component for components in modes.values() for component in components}
    for component in site.variables.get("deploy_components") or []:
        if component not in known:
            yield Finding("site", "deploy_components", str(component), f"components of deploy_modes: {', '.join(sorted(known))}")


def check_topology(site: Site) -> Iterator[Finding]:
    """An odd number of control planes, but while they leave one by one, and each node in exactly one of the two roles."""
    control = site.members("control_plane")
    if not site.hosts:
        yield Finding("site", "group nodes", "no host", "at least one control plane", "List the machines in hosts.yml")
    elif not control:
        yield Finding("site", "group control_plane", "no host", "one control plane, or three", "Move a machine there")
    elif len(control) % 2 == 0:
        found = f"{len(control)}: {', '.join(control)}"
        remedy = "An even number of etcd members survives no more losses than one member fewer"
        leaving = bool(site.variables.get("remove"))  # by scale.yml -e remove=NAME
        yield Finding("site", "group control_plane", found, "an odd number of control planes", remedy, fatal=not leaving)
    for host in site.hosts:
        roles = [role for role in ROLES if host in site.members(role)]
        if len(roles) != 1:
            found = f"groups {' and '.join(roles)}" if roles else "neither control_plane nor workers"
            yield Finding(host, "groups", found, "exactly one of control_plane and workers")


def check_names(site: Site) -> Iterator[Finding]:
    """Inventory names become host names: valid and different, whatever their case."""
    seen: dict[str, str] = {}
    for host in site.hosts:
        if host.lower() in seen:
            found = f"differs from {seen[host.lower()]} in case only"
            yield Finding(host, "inventory_hostname", found, "host names that differ")
        elif not kinds.label.fits(host):
            yield Finding(host, "inventory_hostname", host, kinds.label.wanted, "Rename it in hosts.yml")
        seen.setdefault(host.lower(), host)


def check_neo4j(site: Site) -> Iterator[Finding]:
    """Neo4j's edition can have that many members, and its licence is accepted where it needs one."""
    edition, replicas = site.variables.get("neo4j_edition"), int(site.variables.get("neo4j_replicas") or 0)
    accepted = str(site.variables.get("neo4j_accept_license_agreement"))
    if "neo4j" not in (site.variables.get("deploy_components") or []):
        return
    if edition not in ("community", "enterprise"):
        yield Finding("site", "neo4j_edition", str(edition or "nothing"), "community or enterprise")
    elif edition == "community" and replicas > 1:
        remedy = "Clusters need neo4j_edition: enterprise and its licence; without one set neo4j_replicas: 1"
        yield Finding("site", "neo4j_replicas", f"{replicas}, with neo4j_edition community", "1", remedy)
    elif edition == "enterprise" and accepted not in ("yes", "True", "eval"):
        wanted = '"yes" (commercial licence) or "eval" (evaluation), for neo4j_edition enterprise'
        remedy = "Read https://neo4j.com/terms/licensing, or take neo4j_edition: community with neo4j_replicas: 1"
        yield Finding("site", "neo4j_accept_license_agreement", accepted, wanted, remedy)


def check_disks(site: Site) -> Iterator[Finding]:
    """Named disks are absolute paths, each once, with keys that the storage role knows."""
    for host, variables in site.hosts.items():
        seen = set()
        for entry in variables.get("data_disks_devices") or []:
            if not isinstance(entry, Mapping) or not str(entry.get("device", "")).startswith("/dev/"):
                wanted = "{device: /dev/…, wipe: false, encrypt: false}"
                yield Finding(host, "data_disks_devices", str(entry), wanted)
                continue
            device = entry["device"]
            if device in seen:
                yield Finding(host, "data_disks_devices", f"{device} twice", "each disk once")
            seen.add(device)
            if unknown := set(entry) - DISK_KEYS:
                found = f"{device}: unknown {', '.join(sorted(unknown))}"
                yield Finding(host, "data_disks_devices", found, f"keys {', '.join(sorted(DISK_KEYS))}")


def check_secrets(site: Site) -> Iterator[Finding]:
    """The site's secrets file opens with the vault password of this controller."""
    if site.secrets_error:
        remedy = "VOICEHELPER_VAULT_PASSWORD_FILE names the file that holds it"
        wanted = "the vault password that the file was made with"
        yield Finding("site", "credentials/secrets.yml", site.secrets_error, wanted, remedy)


CHECKS = (
    check_required,
    check_decisions,
    check_removed,
    check_size,
    check_model,
    check_mode,
    check_topology,
    check_names,
    *addresses.CHECKS,
    *delivery.CHECKS,
    check_neo4j,
    check_disks,
    check_secrets,
    *names.CHECKS,
)


def validate(site: Site) -> list[Finding]:
    """All findings of all rules, in the order of the rules; of a variable that a rule of its own refuses, nothing more is said."""
    findings = [finding for check in CHECKS for finding in check(site)]
    named = {(finding.host, finding.what) for finding in findings}
    return findings + [value for value in values.check_values(site) if (value.host, value.what.partition(".")[0]) not in named]
