"""Judge the inventory before any machine is contacted: every finding at once, in one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.inventory.group import Group
from ansible.inventory.host import Host
from ansible.inventory.manager import InventoryManager
from ansible.utils.vars import load_extra_vars
from ansible.vars.hostvars import HostVars, HostVarsVars
from ansible.vars.plugins import get_vars_from_inventory_sources

from bootstrap.ansible import ControllerAction
from bootstrap.validators.declared import SHARED, known
from bootstrap.validators.findings import Finding, headline, report
from bootstrap.validators.inventory import validate
from bootstrap.validators.site import Site

PRESENT = {"inventory_file", "inventory_dir", "inventory_hostname", "inventory_hostname_short", "group_names"}  # Ansible gives them to each
ADVICE = "No machine was contacted: correct the inventory and run again."


class Resolved(Mapping):
    """A host's variables, templated when read; one that cannot be templated reads as "" and is remembered."""

    def __init__(self, host: str, variables: Mapping[str, Any]):
        self.host, self._variables = host, variables
        self.broken: dict[str, str] = {}

    def __getitem__(self, name: str) -> Any:
        try:
            return self._variables[name]
        except AnsibleError as error:
            self.broken[name] = str(error).partition("\n")[0]
            return ""

    def __contains__(self, name: object) -> bool:
        return name in self._variables

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def findings(self) -> Iterator[Finding]:
        """The variables that could not be templated."""
        for name, reason in self.broken.items():
            yield Finding(self.host, name, reason, "a value that can be computed", "Correct the expression")


class ActionModule(ControllerAction):
    """Shows one table of all findings; those that are fatal fail the task."""

    def execute(self, arguments, task_vars):
        groups = {group: list(hosts) for group, hosts in task_vars["groups"].items()}
        site = Site(
            variables=Resolved("site", self._variables(task_vars["inventory_hostname"], task_vars["hostvars"])),
            hosts={host: Resolved(host, self._variables(host, task_vars["hostvars"])) for host in groups.get("nodes", [])},
            groups=groups,
            removed=arguments["removed"],
            secrets_error=self._secrets_error(arguments["secrets_file"]),
            **self._sources(task_vars),
        )
        findings = validate(site)
        for variables in (site.variables, *site.hosts.values()):
            findings += variables.findings()
        nodes = f"{len(site.hosts)} node{'' if len(site.hosts) == 1 else 's'}"
        fatal = any(finding.fatal for finding in findings)
        if findings:
            self._display.display(f"\n{report(findings)}\n", color=C.COLOR_ERROR if fatal else C.COLOR_WARN)
        summary = headline(findings, f"inventory of {nodes}")
        return {"failed": fatal, "msg": f"{summary}. {ADVICE}" if fatal else summary}

    def _variables(self, host: str, hostvars: HostVars) -> HostVarsVars:
        """A host's variables as its own tasks see them: those of a mere look into `hostvars` cannot look at another host in turn."""
        return HostVarsVars({**hostvars.raw_get(host), "hostvars": hostvars}, loader=self._loader, host=host)

    def _sources(self, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """What the inventory and the command line give, and what roles and group_vars/all know, by the names in Site."""
        sources = task_vars["ansible_inventory_sources"]
        inventory = InventoryManager(self._loader, sources)

        def named(entity: Host | Group) -> set[str]:
            return {*entity.get_vars(), *get_vars_from_inventory_sources(self._loader, sources, [entity], "task")} - PRESENT

        groups = {name: named(group) for name, group in inventory.groups.items() if name != "all"}
        hosts = {host.name: named(host).union(*(groups.get(group.name, ()) for group in host.groups)) for host in inventory.hosts.values()}
        controller = hosts.pop(task_vars["inventory_hostname"], set()) | set(load_extra_vars(self._loader))
        options, shared = known()
        own = any((Path(source) / "group_vars/all").resolve() == SHARED for source in sources)  # a test's site links to what is shared
        return {
            "given": {"site": controller} | {host: names for host, names in hosts.items() if host in task_vars["groups"].get("nodes", [])},
            "lost": () if own else named(inventory.groups["all"]),
            "options": options,
            "shared": shared,
        }

    def _secrets_error(self, path: str | None) -> str:
        """Why the secrets file cannot be opened; "" when it can be, or does not exist yet."""
        if not path or not Path(path).exists():
            return ""
        try:
            self._loader.load_from_file(str(path), cache="none")
        except AnsibleError as error:
            reason = "wrong vault password" if "ecrypt" in str(error) else str(error).partition("\n")[0]
            return f"{reason}: {Path(path).name} cannot be opened"
        return ""
