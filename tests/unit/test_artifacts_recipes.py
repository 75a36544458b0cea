"""Recipes: selection, and the key that says when something must be made anew."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from artifacts import recipes
from artifacts.catalogue import Catalogue
from artifacts.freshness import Freshness
from artifacts.kinds import go_workspace, image, npm
from artifacts.kinds.go_workspace import GoWorkspace
from artifacts.recipes import Cookbook
from artifacts.registry import Registry
from artifacts.store import ArtifactError, Store
from artifacts.workspace import Workspace


@pytest.fixture
def copied_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies of the inputs of builds, to change at will."""
    shutil.copytree(go_workspace.MODULES, tmp_path / "go")
    for name in ("etcd", "coredns"):
        shutil.copytree(image.IMAGES / name, tmp_path / "images" / name)
    monkeypatch.setattr(go_workspace, "MODULES", tmp_path / "go")
    monkeypatch.setattr(image, "IMAGES", tmp_path / "images")
    return tmp_path


def book(versions: dict[str, str] | None = None, arch: str = "amd64") -> Cookbook:
    catalogue = Catalogue.load()
    return Cookbook.load(replace(catalogue, versions={**catalogue.versions, **(versions or {})}), arch)


def key(name: str, cookbook: Cookbook | None = None) -> str:
    return Freshness(cookbook or book()).key(name)


def test_every_recipe_makes_something_of_the_catalogue() -> None:
    cookbook = book()
    for recipe in cookbook.recipes.values():
        if recipe.name.startswith("image/"):
            assert cookbook.catalogue.image(recipe.name.removeprefix("image/"))
        else:
            assert cookbook.catalogue.version(recipe.options.get("component", recipe.name))
            for name in recipe.options.get("files", {}):
                assert cookbook.catalogue.file(name, "amd64").path


def test_every_catalogue_entry_can_be_made_or_is_said_to_be_upstreams() -> None:
    cookbook = book()
    files = {name for recipe in cookbook.recipes.values() for name in recipe.options.get("files", {})}
    assert files == set(cookbook.catalogue.file_table)
    upstream_only = set(yaml.safe_load(recipes.PATH.read_text())["upstream_only"])
    images = {name.removeprefix("image/") for name in cookbook.recipes if name.startswith("image/")}
    assert upstream_only | images == set(cookbook.catalogue.image_table) and not upstream_only & images


def test_go_modules_have_the_versions_of_the_catalogue() -> None:
    cookbook = book()
    for recipe in cookbook.recipes.values():
        if recipe.kind != "go" or "source" in recipe.options:
            continue
        version = GoWorkspace(cookbook).version(recipe)
        lines = (go_workspace.MODULES / recipe.name / "go.mod").read_text().split("\n")
        assert any(line.split()[:2] == [recipe.options["module"], version] for line in lines if line.startswith("\t"))


def test_needs_come_first() -> None:
    names = [recipe.name for recipe in book().select(["image/cilium"])]
    assert names == ["cilium", "cni", "image/debian", "image/cilium"]


def test_a_component_means_its_build_and_its_image() -> None:
    assert {recipe.name for recipe in book().select(["etcd"])} == {"etcd", "image/etcd"}


def test_a_site_takes_no_recipe_of_systems_that_it_does_not_have() -> None:
    names = {recipe.name for recipe in book().site(["minio", "nats"])}
    assert {"kubernetes", "containerd", "image/cilium", "image/toolbox", "nats_cli", "minio", "image/minio", "image/nats_exporter"} <= names
    assert not names & {"kafka", "image/kafka", "neo4j", "opensearch", "image/opensearch", "image/postgres", "image/redis", "kubeconform"}


def test_a_site_with_every_system_takes_all_but_the_tools_of_the_tests() -> None:
    systems = {system for image in Catalogue.load().images() for system in image.systems}
    assert book().recipes.keys() - {recipe.name for recipe in book().site(systems)} == {"kubeconform"}


def test_unknown_system_lists_the_known() -> None:
    with pytest.raises(ArtifactError, match=r"no image is of system reddis; known: .*elasticsearch, .*kafka, .*redis"):
        book().site(["minio", "reddis"])


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(ArtifactError, match=r"'etdc'.*known: .*etcd"):
        book().select(["etdc"])


def test_circle_is_named(tmp_path: Path) -> None:
    data = {
        "toolchain": "go1.26.8",
        "sets": {},
        "builds": {name: {"kind": "go", "needs": [need]} for name, need in (("etcd", "cni"), ("cni", "etcd"))},
        "images": {},
    }
    path = tmp_path / "recipes.yml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ArtifactError, match="etcd → cni → etcd"):
        Cookbook.load(Catalogue.load(), "amd64", path).select(["etcd"])


def test_key_is_stable(copied_inputs: Path) -> None:
    assert key("image/etcd") == key("image/etcd")


@pytest.mark.parametrize(
    "changed",
    ["go/etcd/go.sum", "go/etcd/go.mod", "images/etcd/Containerfile"],
)
def test_key_follows_every_input_of_it_and_its_needs(copied_inputs: Path, changed: str) -> None:
    before, other = key("image/etcd"), key("image/coredns")
    with (copied_inputs / changed).open("a") as stream:
        stream.write("\n# changed\n")
    assert key("image/etcd") != before
    assert key("image/coredns") == other


def test_a_changed_program_is_a_thin_layer_on_what_stays(copied_inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The toolbox is made anew with every change of `programs/`, its clients are not; what Python keeps beside the sources is no change."""
    for name in ("images/toolbox", "images/toolbox_base", "programs"):
        shutil.copytree(recipes.REPOSITORY / name, copied_inputs / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(image, "REPOSITORY", copied_inputs)
    before, base = key("image/toolbox"), key("image/toolbox_base")
    (copied_inputs / "programs/__pycache__").mkdir()
    (copied_inputs / "programs/__pycache__/archive.cpython-313.pyc").write_bytes(b"compiled")
    assert key("image/toolbox") == before
    with (copied_inputs / "programs/redis/topology.py").open("a") as stream:
        stream.write("# changed\n")
    assert key("image/toolbox") != before
    assert key("image/toolbox_base") == base


def test_an_application_is_made_anew_for_its_sources_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own and those of the folders it imports from; not for what npm and its build leave there, and not for its tests."""
    for name in ("services/frontend/app", "services/web-common"):
        shutil.copytree(recipes.REPOSITORY / name, tmp_path / name)
    monkeypatch.setattr(npm, "REPOSITORY", tmp_path)
    before = key("frontend")
    for name in ("node_modules/react/index.js", "dist/server.js", ".next/trace", "tests/frontend.test.mjs"):
        path = tmp_path / "services/frontend" / name
        path.parent.mkdir(parents=True)
        path.write_text("left\n")
    assert key("frontend") == before
    keys = {before}
    for name in ("frontend/app/page.tsx", "web-common/api.ts", "frontend/package-lock.json"):
        with (tmp_path / "services" / name).open("a") as stream:
            stream.write("// changed\n")
        keys.add(key("frontend"))
    assert len(keys) == 4


def test_an_image_is_built_with_the_trees_that_it_copies_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readable by whoever runs in it, whatever the clone's umask was, and without what Python compiled here."""
    given = {}

    def build(context: Path, tag: str, *, contexts: dict[str, Path], **_: object) -> None:
        given.update(contexts)

    (tmp_path / "programs/redis/__pycache__").mkdir(parents=True, mode=0o700)
    (tmp_path / "programs/redis/topology.py").touch(mode=0o600)
    monkeypatch.setattr(image, "REPOSITORY", tmp_path)
    monkeypatch.setattr(image.podman, "build", build)
    monkeypatch.setattr(image, "publish", lambda *_: None)
    cookbook, store = book(), Store(tmp_path / "store")
    image.make(cookbook.recipes["image/toolbox"], cookbook, Workspace(store, Registry.none(), "amd64"))
    files = {path.relative_to(given["programs"]): path.stat().st_mode & 0o777 for path in given["programs"].rglob("*")}
    assert files == {Path("redis"): 0o755, Path("redis/topology.py"): 0o644}


def test_key_of_a_program_follows_the_libraries_that_others_raise(copied_inputs: Path) -> None:
    """Of a library that two programs need both get the newer version; what one of them alone needs is nothing to the other."""
    before, other = key("etcd"), key("cni")
    with (copied_inputs / "go/coredns/go.mod").open("a") as stream:
        stream.write("\nrequire google.golang.org/grpc v1.999.0 // indirect\nrequire example.com/of/its/own v1.0.0\n")
    assert key("etcd") != before
    assert key("cni") == other


def test_the_workspace_is_that_of_the_recipes() -> None:
    words = (go_workspace.MODULES / "go.work").read_text().split()
    assert {word.removeprefix("./") for word in words if word.startswith("./")} == set(GoWorkspace(book()).members)
    assert f"go{words[words.index('go') + 1]}" == book().toolchain


def test_key_follows_version_architecture_and_toolchain(copied_inputs: Path) -> None:
    keys = {
        key("etcd"),
        key("etcd", book({"etcd": "9.9.9"})),
        key("etcd", book(arch="arm64")),
        key("etcd", replace(book(), toolchain="go1.99.0")),
    }
    assert len(keys) == 4


def test_estimate_does_not_rebuild(copied_inputs: Path) -> None:
    before = book()
    recipe = before.recipes["etcd"]
    longer = replace(recipe, options={**recipe.options, "seconds": 999})
    assert key("etcd", replace(before, recipes={**before.recipes, "etcd": longer})) == key("etcd", before)


def test_done_needs_stamp_and_results(copied_inputs: Path, tmp_path: Path) -> None:
    cookbook, store = book(), Store(tmp_path / "store")
    recipe = cookbook.recipes["etcd"]
    assert not Freshness(cookbook).done(recipe, store)
    store.stamp("etcd").parent.mkdir(parents=True)
    store.stamp("etcd").write_text(key("etcd", cookbook) + "\n")
    assert not Freshness(cookbook).done(recipe, store), "a stamp without its results"
    (store.outputs / "etcd").mkdir(parents=True)
    path = store.files / cookbook.catalogue.file("etcd", "amd64").path
    path.parent.mkdir(parents=True)
    path.write_text("archive")
    assert Freshness(cookbook).done(recipe, store)
    assert not Freshness(book({"etcd": "9.9.9"})).done(recipe, store), "results of another version"


def test_missing_context_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="nowhere"):
        recipes.tree_fingerprint(recipes.REPOSITORY / "images" / "nowhere")
