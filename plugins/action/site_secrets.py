"""Action of the module site_secrets: it runs on the controller, where the vault password is known."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from pathlib import Path

from bootstrap.ansible import ControllerAction
from bootstrap.errors import BootstrapError
from bootstrap.kube.api import ApiError, KubeApi
from bootstrap.secrets import guard, pki, rotation, vault_record
from bootstrap.secrets.entries import check, reconcile
from bootstrap.secrets.store import SecretStore

PATIENCE = 10  # seconds for an API that is starting or moving


class ActionModule(ControllerAction):
    """Makes and rotates the secrets of a site; its result holds names only."""

    def execute(self, arguments, task_vars):
        check(arguments["secrets"], arguments["lives"])
        if arguments["step"] in rotation.STEPS:
            self._whole(arguments, task_vars["groups"])
        store = SecretStore(arguments["path"], self._loader._vault)
        reading = self.check or arguments["step"] in ("compare", "plan")
        with nullcontext() if reading else store.locked():  # which makes the folder
            before = self._guarded(store, arguments, task_vars) if arguments["step"] in ("make", "plan") else store.load()
            entries = self._turned(arguments, before)
            if entries != before and not reading:
                store.save(entries)
        told = self._remembered(store, arguments, entries) if arguments["step"] == "compare" or entries != before else False
        return self._result(arguments, before, entries) | ({"changed": told} if arguments["step"] == "compare" else {})

    def _remembered(self, store, arguments, entries):
        """Have the cluster remember the entries; whether it had to be told. Raises BootstrapError when it has seen later ones."""
        signs = arguments["guard"]
        kubeconfig = signs.get("kubeconfig") or ""
        if signs.get("new_cluster") or not Path(kubeconfig).is_file():
            return False
        try:
            api = KubeApi(kubeconfig, patience=PATIENCE)
            record = vault_record.read(api)
            lines = vault_record.outdated(str(store.path), entries, arguments["secrets"], record, signs.get("confirmed") or [])
            if lines and arguments["step"] == "compare":
                raise BootstrapError("\n".join([*lines, vault_record.REMEDY]))
            return False if lines else vault_record.write(api, entries, record, self.check)
        except ApiError as error:
            # A cluster that is down is what a run is there to mend; the next comparison tells it.
            self._display.warning(f"The vault was not compared with what the cluster remembers: the API of {kubeconfig} gave {error}")
            return False

    @staticmethod
    def _whole(arguments, groups):
        """Raises BootstrapError when a machine that keeps a value misses a step: it would have the old one when that is forgotten."""
        step, names = arguments["step"], arguments["rotate"]
        missing = rotation.absent(names, arguments["secrets"], groups, arguments["reached"])
        if missing:
            raise BootstrapError(
                f"{', '.join(missing)}: found no answer, or no word of the step before, or left out by --limit; wanted every machine that "
                f"keeps {', '.join(names)} before the step {step}. It was not taken, so nothing is lost: bring the machine back, or take "
                "one that is gone for good out of the inventory, and give the same command again, with -e resume=true in place of the "
                "names where a step was taken."
            )

    @staticmethod
    def _guarded(store, arguments, task_vars):
        """The entries of the store. Raises BootstrapError when they are not those of the site that runs."""
        entries, signs, groups = store.load(), arguments["guard"], task_vars["groups"]
        fresh, known = signs.get("new_cluster"), signs.get("kubeconfig") or ""
        answers = {host: task_vars["hostvars"][host].get("kubeadm_found") or {} for host in groups.get("nodes", [])}
        found = {host: answer for host, answer in answers.items() if "stage" in answer}
        if not fresh:
            found |= {host: None for host in groups.get("control_plane", []) if host not in found}
        known = known if not fresh and Path(known).is_file() else ""
        lines = guard.refusals(str(store.path), arguments["secrets"], entries, found, known, signs.get("confirmed") or [])
        if lines:
            raise BootstrapError("\n".join([*lines, guard.REMEDY]))
        return entries

    @staticmethod
    def _turned(arguments, before):
        """The entries after the step; `plan` settles the names and leaves them alone."""
        wanted, lives, step = arguments["secrets"], arguments["lives"], arguments["step"]
        if step == "compare":
            return before
        if step == "plan":
            arguments["rotate"] = rotation.plan(arguments["rotate"], arguments["resume"], wanted, before)
            return before
        entries = copy.deepcopy(before)
        reconcile(wanted, entries, lives)
        if step != "make":
            rotation.rotate(step, arguments["rotate"], wanted, entries, lives)
            reconcile(wanted, entries, lives)
        vault_record.date(before, entries)
        return entries

    @staticmethod
    def _result(arguments, before, entries):
        wanted, step, names = arguments["secrets"], arguments["step"], arguments["rotate"]
        rotating = rotation.unfinished(entries)
        certified = {name: entry["value"]["cert"] for name, entry in entries.items() if entry["kind"] in ("ca", "certificate")}
        left = {name: pki.days_left(cert) for name, cert in certified.items()}
        ending = [name for name in left if entries[name]["kind"] == "ca" and left[name] < arguments["lives"]["warn_ca_days"]]
        return {
            "changed": entries != before,
            "names": sorted(name for name in entries if entries[name]["value"] != before.get(name, {}).get("value")),
            "rotate": names,
            "consumers": rotation.consumers(step, names, wanted, entries),
            "cut_off": rotation.cut_off(names, wanted),
            "rotating": rotating,
            "days_left": left,
            "warnings": [_ends(name, left[name], wanted) for name in ending]
            + [
                f"The rotation of {name} is not finished (it is at {stage}): playbooks/rotate-secrets.yml -e resume=true."
                for name, stage in rotating.items()
                if step == "make"
            ],
        }


def _ends(name, days, wanted):
    known = name in rotation.rotatable(wanted)
    way = f"playbooks/rotate-secrets.yml -e confirm={name}" if known else "see docs/how-to/replace-secrets.md"
    return f"The CA {name} ends in {days} days: {way}."
