"""What sites share and what they choose: services, size classes, secrets, inventories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bootstrap.secrets import rotation
from docs.generate.markdown import code, heading_comment, page, read_yaml, table

ALL = Path("group_vars/all")
REFERENCE = Path("docs/reference")


def pages(repository: Path) -> dict[Path, str]:
    """docs/reference/{services,sizing,secrets,inventories}.md"""
    shared = repository / ALL
    platform = read_yaml(shared / "platform.yml")
    return {
        REFERENCE / "services.md": services(read_yaml(shared / "services.yml")["services"], platform),
        REFERENCE / "sizing.md": sizing(read_yaml(shared / "sizing.yml")["sizing_classes"]),
        REFERENCE / "secrets.md": secrets(**read_yaml(shared / "secrets.yml")),
        REFERENCE / "inventories.md": inventories(repository),
    }


def services(entries: dict[str, dict[str, Any]], platform: dict[str, Any]) -> str:
    """Names and ports that clients may rely on."""
    names, domain = platform["platform_namespaces"], platform["platform_cluster_domain"]
    rows = []
    for name, entry in entries.items():
        namespace = names[entry["namespace"]]
        ports = [f"{entry['port']}"] + [f"{value} ({key.removesuffix('_port')})" for key, value in entry.items() if key.endswith("_port")]
        rows.append((name, namespace, ", ".join(ports), f"`{name}.{namespace}.svc.{domain}`", "yes" if entry.get("headless") else ""))
    intro = (
        "Name and port of every service are written once, here, also for those whose tier is not there yet; "
        "[playbooks](playbooks.md) shows which tiers are."
    )
    return page("Services", intro, table(("Service", "Namespace", "Ports", "Address", "Headless"), rows), source=f"{ALL}/services.yml")


def sizing(classes: dict[str, dict[str, Any]]) -> str:
    """Size classes side by side, one table for each system that has sizes."""
    intro = "A site picks one class by `platform_size`. Preflight holds the machines against `machine`; roles read the rest as `sizing`."
    blocks = [intro]
    for system in dict.fromkeys(system for content in classes.values() for system in content):
        leaves = {name: dict(_leaves(content.get(system, {}))) for name, content in classes.items()}
        settings = dict.fromkeys(path for content in leaves.values() for path in content)
        rows = [(f"`{path}`", *(code(content.get(path)) for content in leaves.values())) for path in settings]
        blocks += [f"## {system}", table(("Setting", *classes), rows)]
    return page("Size classes", *blocks, source=f"{ALL}/sizing.yml")


def secrets(site_secrets: dict[str, dict[str, Any]], site_certificate_lives: dict[str, float], **_: Any) -> str:
    """What is generated per site, names and kinds only, and for how long certificates live."""
    rows = []
    for name, entry in site_secrets.items():
        bringing = [role for place in rotation.PLACES for role in rotation.roles(entry, place)]
        consumers = ", ".join(bringing) or ("none needed" if "consumers" in entry else "not rotated")
        rows.append((f"`{name}`", entry["kind"], entry.get("ca", ""), consumers, entry.get("cuts_off", "")))
    blocks = [
        "The first run makes them and keeps them in `inventories/<site>/credentials/secrets.yml`, encrypted by ansible-vault. "
        "None has a default.",
        "A secret with consumers is renewed by `ansible-playbook playbooks/rotate-secrets.yml -e confirm=NAME`; consumers are the roles "
        "that bring the new value to where it is used. *Cuts off*: who is refused until they have it, as the old value counts no more from "
        "then on. See [how to replace secrets](../how-to/replace-secrets.md).",
        table(("Secret", "Kind", "Signed by", "Consumers", "Cuts off"), rows),
        "## Lives of certificates",
        "`site_certificate_lives`, which a site may set; the module [site_secrets](plugins.md#site_secrets) says what each of them means. "
        "An entry with `days` of its own lives as long as these say.",
        table(("Setting", "Value"), [(f"`{name}`", code(value)) for name, value in site_certificate_lives.items()]),
    ]
    return page("Secrets of a site", *blocks, source=f"{ALL}/secrets.yml")


def inventories(repository: Path) -> str:
    """One section per site of the repository."""
    blocks = []
    for hosts in sorted(repository.glob("inventories/*/hosts.yml")):
        variables = {key: value for path in sorted(hosts.parent.glob("group_vars/site/*.yml")) for key, value in read_yaml(path).items()}
        groups = read_yaml(hosts)["site"]["children"]["nodes"]["children"]
        rows = [(name, group, values["ansible_host"]) for group, content in groups.items() for name, values in content["hosts"].items()]
        facts = [
            ("Size class", f"[{variables['platform_size']}](sizing.md)"),
            ("Nodes' network", code(variables["platform_node_cidr"])),
            ("Address of the API", code(variables["platform_api_vip"])),
            ("Addresses for load balancers", "`{start}` to `{stop}`".format(**variables["platform_load_balancer_pool"])),
            ("Artifacts from", code(variables["artifacts_source"])),
        ]
        blocks += [
            f"## `inventories/{hosts.parent.name}`",
            heading_comment(hosts),
            table(("Fact", "Value"), facts),
            table(("Host", "Group", "Address"), rows),
        ]
    return page("Inventories", *blocks, source="inventories/")


def _leaves(content: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _leaves(value, path + ".")
        else:
            yield path, value
