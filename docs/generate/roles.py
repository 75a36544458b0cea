"""A README for each role from its argument_specs, and a list of them all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bootstrap.validators.declared import entry_points
from docs.generate.markdown import LONGEST_DEFAULT, code, page, prose, read_yaml, sentence, table
from docs.generate.playbooks import users

HEADER = ("Variable", "Type", "Default", "Description")


def pages(repository: Path) -> dict[Path, str]:
    """README.md of every role, and docs/reference/roles.md."""
    roles = sorted(path.parents[1] for path in repository.glob("roles/*/meta/argument_specs.yml"))
    specs = {role.name: {"argument_specs": entry_points(role)} for role in roles}
    used = users(repository)
    result = {Path("roles", name, "README.md"): readme(repository, name, spec, used.get(name, [])) for name, spec in specs.items()}
    rows = []
    for name, spec in specs.items():
        main = spec["argument_specs"].get("main") or next(iter(spec["argument_specs"].values()))
        where = ", ".join(f"`{playbook}`" for playbook in used.get(name, [])) or "by other roles"
        rows.append((f"[{name}](../../roles/{name}/README.md)", sentence(main["short_description"]), where))
    listing = table(("Role", "What it does", "Used in"), rows)
    result[Path("docs/reference/roles.md")] = page("Roles", listing, source="roles/*/meta/argument_specs.yml")
    return result


def readme(repository: Path, name: str, spec: dict[str, Any], used_in: list[str]) -> str:
    """The README of one role."""
    defaults = read_yaml(repository / "roles" / name / "defaults/main.yml")
    entries: dict[str, Any] = dict(spec["argument_specs"])
    main = entries.pop("main", None)
    blocks = []
    if main:
        blocks += [prose(main["short_description"]) + ".", prose(main.get("description", ""))]
    if used_in:
        blocks.append("Used in: " + ", ".join(f"`{playbook}`" for playbook in used_in) + ".")
    options = main.get("options") or {} if main else {}
    if options:
        blocks += ["## Variables", table(HEADER, _rows(options, defaults))]
    for entry, content in entries.items():
        call = f"```yaml\n- ansible.builtin.include_role: {{name: {name}, tasks_from: {entry}}}\n```"
        blocks += [f"## Tasks of `{entry}`", prose(content["short_description"]) + ".", prose(content.get("description", "")), call]
        own = {key: option for key, option in (content.get("options") or {}).items() if key not in options}
        blocks.append(table(HEADER, _rows(own, defaults)))
    if (repository / "molecule" / name / "molecule.yml").exists():
        blocks += ["## Test", f"```bash\nmolecule test -s {name}\n```"]
    return page(name, *blocks, source="meta/argument_specs.yml")


def _rows(options: dict[str, Any], defaults: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, ...]]:
    """One row per option, its suboptions below it."""
    for name, option in options.items():
        path = prefix + name
        default = defaults[name] if not prefix and name in defaults else option.get("default")
        yield f"`{path}`", _type(option), _default(option, default), _description(option)
        inner = "[]." if option.get("elements") == "dict" else "."
        yield from _rows(option.get("options") or {}, {}, path + inner)


def _type(option: dict[str, Any]) -> str:
    kind = option.get("type", "str")
    return f"{kind} of {option['elements']}" if "elements" in option else kind


def _default(option: dict[str, Any], default: Any) -> str:
    if option.get("required"):
        return "**required**"
    shown = code(default)
    return shown if len(shown) <= LONGEST_DEFAULT else "see `defaults/main.yml`"


def _description(option: dict[str, Any]) -> str:
    text = sentence(option.get("description", ""))
    if choices := option.get("choices"):
        text += f" One of {', '.join(code(choice) for choice in choices)}."
    return text
