"""Render a multi-document template, apply it to the cluster and wait until it works: one task a component."""

from __future__ import annotations

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml
from ansible.template import trust_as_template
from ansible.utils.display import Display

from bootstrap.ansible import KubernetesAction
from bootstrap.errors import BootstrapError
from bootstrap.kube.api import ApiError, UnknownKind
from bootstrap.kube.claim_guard import keep
from bootstrap.kube.scale_guard import declare, refusals
from bootstrap.kube.stages import stages
from bootstrap.kube.status import awaited, describe
from bootstrap.kube.together import stop_changed
from bootstrap.kube.waiting import wait
from bootstrap.roles import ROLES, role_variables

_PROJECT = Path(__file__).parents[2]
_PARALLEL = 6
_POLL_SECONDS = 1.0
_STOP_SECONDS = 180
_SERVER_FIELDS = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
_HIDDEN = "(hidden)"


class ActionModule(KubernetesAction):
    """What is refused is refused before anything is changed. A check asks the server, which tries each object and keeps none."""

    def execute(self, arguments, task_vars):
        bundles = arguments["bundles"] or ({arguments["name"]: None} if arguments["name"] else {})
        if not bundles:
            raise BootstrapError("found neither name nor bundles; wanted one of them.")
        objects = {name: self._objects(name, role, arguments, task_vars) for name, role in bundles.items()}
        api = self.cluster(arguments)
        with ThreadPoolExecutor(len(bundles)) as pool:
            parts = {name: pool.submit(self._put, api, name, items, arguments) for name, items in objects.items()}
        failures = {name: part.exception() for name, part in parts.items() if isinstance(part.exception(), BootstrapError)}
        if failures:
            raise BootstrapError("\n".join(f"{name}: {error}" for name, error in failures.items()))
        outcomes = [part.result() for part in parts.values()]
        result = {key: [entry for outcome in outcomes for entry in outcome[key]] for key in outcomes[0]}
        return result | {"changed": bool(result["changed_objects"]), "objects": sum(map(len, objects.values()))}

    def _objects(self, name, role, arguments, variables):
        """The objects of one bundle; of a role's template, with what a task of that role would see."""
        if role:
            source, variables = str(ROLES / role / "templates" / arguments["template"]), role_variables(self._loader, role, variables)
        else:
            source = self._find_needle("templates", arguments["template"])
        objects = parse(rendered(self._loader, self._templar, source, variables), source)
        for item in objects:
            prepare(item, arguments["labels"] or {f"{arguments['domain']}/bundle": name})
        declare(objects, arguments["domain"])
        return objects

    def _put(self, api, name, objects, arguments):
        """Apply the objects of one bundle and await them."""
        domain, deadline = arguments["domain"], time.monotonic() + arguments["timeout"]
        kept, small = keep(api, objects)
        # A check does not grow the volumes that the run before it would have grown.
        if refused := refusals(api, name, objects, arguments["confirmed"], domain) + ([] if self.check else small):
            raise BootstrapError("\n".join(["nothing was changed", *(f"  {line}" for line in refused)]))
        if not self.check:
            stop_changed(api, objects, domain, _STOP_SECONDS)
        changes, applied = [], []
        for stage in stages(objects):
            outcomes = _apply(api, name, stage, self.check, deadline)
            applied += [after for _, _, after in outcomes]
            changes += [(item, before, after) for item, before, after in outcomes if differs(before, after)]
            if not self.check:  # a custom resource of the next stage needs its definition to be served
                kinds = [(item, None) for item in applied if item["kind"] == "CustomResourceDefinition"]
                wait(api, name, kinds, deadline)
        if not self.check:
            wait(api, name, _wanted(arguments["wait"], applied), deadline)

        if changes:
            for line in kept:
                Display().display(line)
        said = [f"{describe(item)} {'changed' if before else 'created'}" for item, before, _ in changes]
        return {"kept": kept, "changed_objects": said} | ({"diff": [_diff(*change) for change in changes]} if self.diff else {})


def rendered(loader, templar, source, variables):
    """Text of a template, which may import the shared macros.

    :param source: absolute path.
    """
    text = trust_as_template(loader.get_text_file_contents(str(source)))
    search = [str(Path(source).parent), str(_PROJECT / "templates")]
    templar = templar.copy_with_new_env(searchpath=search, available_variables=variables)
    answer = templar.template(text, escape_backslashes=False, overrides={"trim_blocks": True, "lstrip_blocks": True})
    return str(answer or "")  # a template that prints nothing is answered with None


def parse(text, source):
    """The objects of a multi-document YAML text.

    :raises BootstrapError: with the text around the place where it is no YAML, or the document that is no object.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        objects = [document for document in yaml.load_all(text, Loader=loader) if document]
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark or error.context_mark).line
        around = "\n".join(f"{n + 1:5} {content}" for n, content in enumerate(text.splitlines()) if abs(n - line) < 4)
        raise BootstrapError(f"{source} renders to no YAML: {error.problem}, line {line + 1}\n{around}") from error
    for item in objects:
        named = isinstance(item, dict) and (item.get("metadata") or {}).get("name")
        if not (named and item.get("apiVersion") and item.get("kind")):
            raise BootstrapError(f"{source}: a document has no apiVersion, kind or metadata.name: {str(item)[:200]}")
    return objects


def prepare(item, labels):
    """Label an object as part of its bundle; write a Secret's plain values as the server keeps them."""
    common = {str(key): str(value) for key, value in labels.items()}
    item["metadata"]["labels"] = {**common, **(item["metadata"].get("labels") or {})}
    if item["kind"] == "Secret" and "stringData" in item:
        plain = {key: base64.b64encode(str(value).encode()).decode() for key, value in item.pop("stringData").items()}
        item["data"] = {**item.get("data", {}), **plain}


def differs(before, after):
    """True when an apply altered more than the server's own bookkeeping."""
    return before is None or _own(before) != _own(after)


def _own(item):
    meta = {key: value for key, value in item["metadata"].items() if key not in _SERVER_FIELDS}
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": meta}


def _diff(item, before, after):
    sides = [_own(side) if side else {} for side in (before, after)]
    if item["kind"] == "Secret":
        kept = {key for key in (before or {}).get("data", {}) if before["data"][key] == after.get("data", {}).get(key)}
        for side, word in zip(sides, ("before", "after"), strict=True):
            side["data"] = {key: _HIDDEN if key in kept else f"{_HIDDEN} {word}" for key in side.get("data", {})}
    texts = [yaml.safe_dump(side, sort_keys=True) if side else "" for side in sides]
    return {"before": texts[0], "after": texts[1], "before_header": describe(item), "after_header": describe(item)}


def _apply(api, manager, objects, check, deadline):
    """Apply objects together; (definition, before, after) for each. All refusals are reported at once."""

    def one(item):
        while True:
            try:
                before = api.get(item)
                return item, before, api.apply(item, manager, dry_run=check)
            except UnknownKind as error:  # an operator that has just started registers its kinds by itself
                if not check and time.monotonic() < deadline:
                    time.sleep(_POLL_SECONDS)
                    continue
                fault = error
            except ApiError as error:
                fault = error
            if check and fault.status == 404:  # its namespace or its kind would come with this very run
                return item, None, item
            return item, None, fault

    with ThreadPoolExecutor(_PARALLEL) as pool:
        outcomes = list(pool.map(one, objects))
    refused = [f"  {describe(item)}: {after.message}" for item, _, after in outcomes if isinstance(after, ApiError)]
    if refused:
        count = f"{len(refused)} of {len(objects)}"
        raise BootstrapError("\n".join([f"{count} objects were refused", *refused]))
    return outcomes


def _wanted(wait, applied):
    """(object or reference, condition) pairs: all of the bundle that can be awaited, or just what the caller lists."""
    if not isinstance(wait, (list, tuple)):
        return [(item, None) for item in applied if awaited(item)] if wait else []
    return [(_reference(item), item.get("condition")) for item in wait]


def _reference(item):
    meta = {"name": item["name"], "namespace": item.get("namespace")}
    return {"apiVersion": item["api_version"], "kind": item["kind"], "metadata": meta}
