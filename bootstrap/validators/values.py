"""Rules for the values themselves: each has the type of its option, the form of its kind, and no key that nobody reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .findings import Finding
from .forms import FORMS, kind

# Dicts by name whose values are dicts (or lists of dicts) with these keys; argument_specs have no words for them.
ENTRIES = {
    "containerd_registry_mirrors": ("url", "override_path", "username", "password", "ca"),
    "elasticsearch_indices": ("settings", "mappings", "data_stream"),
    "neo4j_indexes": ("type", "definition", "config"),
    "platform_secrets_objects": ("namespace", "secrets", "plain", "certificate"),
    "platform_secrets_plain": ("plain",),
}
FIXED = ("artifacts_versions", "platform_namespaces")  # dicts whose keys are those of the shared value
HIGHEST = {"_percent": 100, "_port": 65535}  # of integers, by the end of the name
MOST = 2**31 - 1
WORDS = {
    "bool": "true or false",
    "dict": "a dict",
    "int": "a whole number",
    "list": "a list",
    "path": "a path",
    "raw": "a value",
    "str": "a text",
}


def shown(value: Any) -> str:
    """A value as the table shows it: what would not be seen in quotes, without the password of a URL, and not at length."""
    text = str(value)
    text = re.sub("//[^/@]*@", "//…@", text if text.isprintable() and text == text.strip() and text else json.dumps(text))
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"


def near(name: str, known: Iterator[str]) -> str:
    """A remedy that names the nearest of the known names, "" when none is near."""
    found = get_close_matches(name, known, 1, 0.75)
    return f"Did you mean {found[0]}?" if found else ""


def check_values(site) -> Iterator[Finding]:
    """Each value that the inventory or the command line gives, once for the site and once for each node that has another."""
    for owner, variables in {"site": site.variables, **site.hosts}.items():
        for name in site.given.get(owner, ()):
            value = variables.get(name)
            if owner == "site" or name not in site.given.get("site", ()) or value != site.variables.get(name):
                yield from (Finding(owner, *parts) for parts in _faults(name, value, site.options.get(name), site.shared.get(name)))


def _faults(name: str, value: Any, option: Mapping[str, Any] | None, shared: Any) -> Iterator[tuple[str, str, str, str]]:
    """What is wrong with one value: (where, found, wanted, remedy)."""
    if value is None:
        yield name, "nothing (null)", "a value", "Remove the line to take the default"
        return
    if option:
        wrong = ArgumentSpecValidator({name: dict(option)}).validate({name: value}).error_messages
        if wrong:
            found = "; ".join(wrong) if isinstance(value, list | Mapping) else value
            yield name, shown(found), _described(option), ""
            return
        yield from _inexact(name, value, option)
    yield from _keys(name, value, shared)
    yield from _forms(name, name, value)


def _described(option: Mapping[str, Any]) -> str:
    """What an option takes, in words."""
    if choices := option.get("choices"):
        return f"one of {', '.join(map(str, choices))}"
    elements = f" of {WORDS[option['elements']]}" if "elements" in option else ""
    inner = f" with the keys {', '.join(option['options'])}" if "options" in option else ""
    return f"{WORDS[option.get('type', 'str')]}{elements}{inner}"


def _inexact(path: str, value: Any, option: Mapping[str, Any], inside: bool = False) -> Iterator[tuple[str, str, str, str]]:
    """Values that argument_specs would convert, and that templates read as they are: a text for a list is read letter by letter."""
    wanted, inner = option.get("type", "str"), option.get("options") or {}
    if not isinstance(value, {"list": list, "dict": Mapping, "raw": object}.get(wanted, str | int | float)):
        yield path, shown(value), _described(option), ""
    elif wanted == "bool" and inside and not isinstance(value, bool):  # elsewhere every use of it goes through `| bool`
        yield path, f"the text {shown(value)}", "true or false, without quotes", ""
    elif wanted == "int":
        most = next((most for ending, most in HIGHEST.items() if path.endswith(ending)), MOST)
        if not re.fullmatch("[0-9]+", str(value)) or int(value) > most:
            yield path, shown(value), f"a whole number from 0 to {most}", ""
    for entry in value if isinstance(value, list) else [value]:
        for key in inner if isinstance(entry, Mapping) else ():
            if entry.get(key) is not None:
                yield from _inexact(f"{path}.{key}", entry[key], inner[key], inside=True)


def _keys(name: str, value: Any, shared: Any) -> Iterator[tuple[str, str, str, str]]:
    """Keys that nobody reads."""
    known = ENTRIES.get(name, ())
    for key, entries in value.items() if known and isinstance(value, Mapping) else ():
        for entry in entries if isinstance(entries, list) else [entries]:
            if not isinstance(entry, Mapping):
                yield f"{name}.{key}", shown(entry), f"a dict with the keys {', '.join(known)}", ""
                continue
            for unknown in (unknown for unknown in entry if unknown not in known):
                yield f"{name}.{key}", f"unknown key {unknown}", f"keys {', '.join(known)}", near(unknown, known)
    for unknown in (unknown for unknown in value if unknown not in shared) if name in FIXED and isinstance(value, Mapping) else ():
        yield name, f"unknown key {unknown}", "a key that the shared value has", near(str(unknown), shared)
    for missing in (key for key in shared if key not in value) if name == "platform_namespaces" and isinstance(value, Mapping) else ():
        yield name, f"no key {missing}", "all keys of the shared value, whose place it takes", ""


def _forms(path: str, place: str, value: Any) -> Iterator[tuple[str, str, str, str]]:
    """Texts that are not of their kind. `path` is that of FORMS, `place` the one to show."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _forms(f"{path}.", f"key of {place}", key)
            named = f"{path}.{key}"
            yield from _forms(named if any(row.startswith(named) for row in FORMS) else f"{path}.*", f"{place}.{key}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _forms(path, place, inner)
    elif (wanted := kind(path)) and not wanted.fits(value):
        yield place, shown(value), wanted.wanted, ""
