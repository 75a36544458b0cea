"""Action of the module site_secrets: it runs on the controller, where the vault password is known."""

from __future__ import annotations

from pathlib import Path

import ansible.module_utils
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

# The controller does not look there by itself.
ansible.module_utils.__path__.append(str(Path(__file__).parents[1] / "module_utils"))
from ansible.module_utils import secret_guard, secret_store, site_pki

WARN_CA_DAYS = 365


class ActionModule(ActionBase):
    """Makes and rotates the secrets of a site; its result holds names only."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """See the documentation of the module."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            argument_spec={
                "path": {"type": "path", "required": True},
                "secrets": {"type": "dict", "required": True, "no_log": False},
                "rotate": {"type": "list", "elements": "str", "default": []},
                "step": {"type": "str", "choices": ["introduce", "adopt", "retire"], "default": "introduce"},
                "guard": {
                    "type": "dict",
                    "default": {},
                    "options": {
                        "kubeconfig": {"type": "path"},
                        "new_cluster": {"type": "bool", "default": False},
                        "confirmed": {"type": "list", "elements": "str", "default": []},
                    },
                },
            }
        )
        wanted, names = arguments["secrets"], arguments["rotate"]
        secret_store.check(wanted)
        rotatable = sorted(name for name in wanted if wanted[name].get("consumers"))
        if refused := sorted(set(names) - set(rotatable)):
            found, known = ", ".join(refused), ", ".join(rotatable)
            raise AnsibleActionFail(f"rotate: found {found}; wanted secrets whose consumers take a new value: {known}.")

        store = secret_store.SecretStore(arguments["path"], self._loader._vault)
        if self._task.check_mode:  # not even the folder of the lock
            return self._result(arguments, *self._turn(self._guarded(store, arguments, task_vars), arguments))
        with store.locked():
            entries, changed, touched = self._turn(self._guarded(store, arguments, task_vars), arguments)
            if touched:
                store.save(entries)
        return self._result(arguments, entries, changed, touched)

    @staticmethod
    def _guarded(store, arguments, task_vars):
        """The entries of the store. Raises AnsibleActionFail when they are not those of the site that runs."""
        entries, guard, groups = store.load(), arguments["guard"], task_vars["groups"]
        fresh, known = guard.get("new_cluster"), guard.get("kubeconfig") or ""
        answers = {host: task_vars["hostvars"][host].get("kubeadm_found") or {} for host in groups.get("nodes", [])}
        found = {host: answer for host, answer in answers.items() if "stage" in answer}
        if not fresh:
            found |= {host: None for host in groups.get("control_plane", []) if host not in found}
        known = known if not fresh and Path(known).is_file() else ""
        lines = secret_guard.refusals(str(store.path), arguments["secrets"], entries, found, known, guard.get("confirmed") or [])
        if lines:
            raise AnsibleActionFail("\n".join([*lines, secret_guard.REMEDY]))
        return entries

    @staticmethod
    def _turn(entries, arguments):
        """Apply the arguments to the entries: the entries, the names whose value changed, the names that changed."""
        wanted = arguments["secrets"]
        before = {name: dict(entry) for name, entry in entries.items()}
        secret_store.reconcile(wanted, entries)
        secret_store.rotate(arguments["step"], arguments["rotate"], wanted, entries)
        secret_store.reconcile(wanted, entries)
        touched = sorted(name for name in entries if entries[name] != before.get(name))
        changed = [name for name in touched if entries[name]["value"] != before.get(name, {}).get("value")]
        return entries, changed, touched

    @staticmethod
    def _result(arguments, entries, changed, touched):
        wanted, names = arguments["secrets"], arguments["rotate"]
        signed = [name for name in wanted if wanted[name].get("ca") in names]
        consumers = [role for name in [*names, *signed] for role in wanted[name].get("consumers", [])]
        left = {name: site_pki.days_left(e["value"]["cert"]) for name, e in entries.items() if e["kind"] == "ca"}
        return {
            "changed": bool(touched),
            "names": changed,
            "consumers": list(dict.fromkeys(consumers)),
            "rotating": sorted(name for name, entry in entries.items() if "previous" in entry),
            "warnings": [
                f"The authority {name} ends in {days} days: rotate it (playbooks/rotate-secrets.yml)."
                for name, days in left.items()
                if days < WARN_CA_DAYS
            ],
        }
