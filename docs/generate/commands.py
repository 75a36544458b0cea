"""The commands of the repository: ``make`` targets, ``lab`` and ``artifacts``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from artifacts.cli import commands as artifacts
from docs.generate.markdown import page, table
from lab.cli import commands as lab

TARGET = re.compile(r"^([a-z][\w-]*):[^#=]*##\s*(.+)$", re.MULTILINE)


def pages(repository: Path) -> dict[Path, str]:
    """docs/reference/commands.md"""
    blocks = []
    makefile = repository / "Makefile"
    if makefile.exists() and (targets := TARGET.findall(makefile.read_text())):
        blocks += ["## make", table(("Target", "What it does"), ((f"`make {name}`", text) for name, text in targets))]
    for name, application in (("lab", lab), ("artifacts", artifacts)):
        blocks += [f"## {name}", *_sections(name, typer.main.get_command(application))]
    return {Path("docs/reference/commands.md"): page("Commands", *blocks, source="Makefile, lab/cli.py and artifacts/cli.py")}


def _sections(program: str, group: TyperGroup) -> Iterator[str]:
    yield _sentence(group.help)
    usages = ((f"`{_usage(program, command)}`", _sentence(command.help)) for command in group.commands.values())
    yield table(("Command", "What it does"), usages)
    yield table(("Option", "Of", "What it does"), _options(group))


def _options(group: TyperGroup) -> Iterator[tuple[str, str, str]]:
    """Every option once, with the commands that know it."""
    found: dict[tuple[str, str], list[str]] = {}
    for command in group.commands.values():
        for parameter in command.params:
            if isinstance(parameter, TyperOption):
                names = ", ".join(f"`{name}`" for name in parameter.opts)
                text = (parameter.help or "") + (f" Also `${parameter.envvar}`." if parameter.envvar else "")
                found.setdefault((names, text), []).append(command.name or "")
    for (names, text), commands in found.items():
        yield names, "all" if len(commands) == len(group.commands) else ", ".join(commands), text


def _usage(program: str, command: TyperCommand) -> str:
    words = [program, command.name or ""]
    for parameter in command.params:
        if isinstance(parameter, TyperArgument):
            name = (parameter.name or "").upper() + ("..." if parameter.nargs == -1 else "")
            words.append(name if parameter.required else f"[{name}]")
    return " ".join(words + (["[ARGUMENTS...]"] if command.context_settings.get("ignore_unknown_options") else []))


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())
