"""Playbooks: what each says about itself, its plays, hosts, tags and roles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.generate.markdown import heading_comment, page, read_yaml, table


def paths(repository: Path) -> list[Path]:
    """Every playbook below ``repository``, in the order in which a run meets them."""
    order = ["site.yml", *(play["import_playbook"] for play in read_yaml(repository / "site.yml"))]
    found = [path.relative_to(repository) for path in repository.glob("playbooks/**/*.yml") if _is_playbook(path)]
    rest = sorted(path for path in found if str(path) not in order)
    return [*(Path(name) for name in order if (repository / name).exists()), *rest]


def users(repository: Path) -> dict[str, list[str]]:
    """The playbooks that use a role, by the role's name."""
    result: dict[str, list[str]] = {}
    for path in paths(repository):
        for play in read_yaml(repository / path):
            for role in _roles(play):
                if str(path) not in result.setdefault(role, []):
                    result[role].append(str(path))
    return result


def pages(repository: Path) -> dict[Path, str]:
    """docs/reference/playbooks.md"""
    blocks = []
    for path in paths(repository):
        plays = read_yaml(repository / path)
        rows = [
            (play.get("name", ""), f"`{play['hosts']}`", _tags(play), ", ".join(dict.fromkeys(_roles(play))))
            for play in plays
            if "hosts" in play
        ]
        imported = [play["import_playbook"] for play in plays if "import_playbook" in play]
        blocks += [
            f"## `{path}`",
            heading_comment(repository / path),
            "Imports: " + ", ".join(f"`{name}`" for name in imported) + "." if imported else "",
            table(("Play", "Hosts", "Tags", "Roles"), rows),
        ]
    intro = "Run any of them with `ansible-playbook PLAYBOOK -i inventories/SITE`; in a lab with `lab run PLAYBOOK`."
    return {Path("docs/reference/playbooks.md"): page("Playbooks and tags", intro, *blocks, source="the playbooks")}


def _is_playbook(path: Path) -> bool:
    """Task files and variables lie beside the playbooks; a playbook is a list of plays, and no scratch file."""
    if "group_vars" in path.parts or path.name.startswith("_"):
        return False
    content = read_yaml(path)
    return isinstance(content, list) and any("hosts" in play or "import_playbook" in play for play in content)


def _roles(play: dict[str, Any]) -> Iterator[str]:
    for role in play.get("roles", []):
        yield role if isinstance(role, str) else role["role"]
    for section in ("pre_tasks", "tasks", "post_tasks", "handlers"):
        yield from _included(play.get(section) or [])


def _included(tasks: list[dict[str, Any]]) -> Iterator[str]:
    for task in tasks:
        for module in ("ansible.builtin.include_role", "ansible.builtin.import_role"):
            if module in task and "{{" not in task[module]["name"]:
                yield task[module]["name"]
        for part in ("block", "rescue", "always"):
            yield from _included(task.get(part) or [])


def _tags(play: dict[str, Any]) -> str:
    """Tags of a play and of its roles."""
    found = _listed(play.get("tags"))
    for role in play.get("roles", []):
        found += _listed(role.get("tags")) if isinstance(role, dict) else []
    return ", ".join(f"`{tag}`" for tag in dict.fromkeys(found))


def _listed(tags: Any) -> list[str]:
    return [tags] if isinstance(tags, str) else list(tags or [])
