"""Where a site takes its artifacts from, as the lookups ``artifact`` and ``image`` resolve it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar, trust_as_template

from artifacts.catalogue import Catalogue
from artifacts.sources import Source
from artifacts.store import REPOSITORY, ArtifactError, Store

VARIABLES = {
    "artifacts_versions": {"tool": "1.0"},
    "artifacts_files": {
        "tool": {
            "component": "tool",
            "path": "dl.example/v{version}/{arch}/tool",
            "sha256": {"1.0": {"amd64": "a" * 64, "arm64": "b" * 64}},
        },
        "chart": {"component": "tool", "path": "charts.example/tool-{version}.tgz"},
    },
    "artifacts_images": {
        "tool": {"component": "tool", "repository": "quay.io/x/tool", "tag": "v{version}", "digest": {}},
        "pinned": {"component": "tool", "repository": "quay.io/x/p", "tag": "v{version}", "digest": {"v1.0": "sha256:p"}},
        "own": {"component": "tool", "repository": "registry.invalid/x/own", "tag": "{version}", "build": "images/own"},
    },
}


def lookup(plugin: str, *terms: str, arch: str | None = None, **changes: object) -> list[object]:
    """Ask a lookup as a task would."""
    variables = {**VARIABLES, "artifacts_source": "upstream", **changes}
    lookup_loader.add_directory(str(REPOSITORY / "plugins" / "lookup"))
    instance = lookup_loader.get(plugin, loader=DataLoader(), templar=Templar(DataLoader(), variables))
    return instance.run(list(terms), variables, **({"arch": arch} if arch else {}))


def source(kind: str, lock: Path | None = None, **changes: object) -> Source:
    base_url = "" if kind == "upstream" else "http://depot:8080/"
    return Source(Catalogue.from_variables({**VARIABLES, **changes}), kind, base_url, str(lock) if lock else "")


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "lock.json"
    files = {"dl.example/v1.0/amd64/tool": "c" * 64, "charts.example/tool-1.0.tgz": "e" * 64}
    path.write_text(json.dumps({"files": files, "images": {"quay.io/x/tool:v1.0": "sha256:t"}}))
    return path


def test_upstream_file_is_what_the_catalogue_says() -> None:
    assert source("upstream").file("tool", "arm64") == {
        "url": "https://dl.example/v1.0/arm64/tool",
        "sha256": "b" * 64,
        "version": "1.0",
        "path": "dl.example/v1.0/arm64/tool",
    }


def test_mirror_has_the_same_path_and_checksum() -> None:
    found = source("mirror").file("tool", "amd64")
    assert (found["url"], found["sha256"]) == ("http://depot:8080/dl.example/v1.0/amd64/tool", "a" * 64)


def test_built_file_has_the_checksum_of_the_store(lock: Path) -> None:
    assert source("built", lock).file("tool", "amd64")["sha256"] == "c" * 64


def test_what_git_pins_is_not_replaced_by_what_came_along_with_a_mirror(lock: Path) -> None:
    mirror = source("mirror", lock)
    with pytest.raises(ArtifactError, match=f"amd64/tool: .*lock.json says {'c' * 64}, the catalogue {'a' * 64}"):
        mirror.file("tool", "amd64")
    assert mirror.file("tool", "arm64")["sha256"] == "b" * 64, "what the lock file does not name"
    assert mirror.file("chart", "amd64")["sha256"] == "e" * 64, "what git does not know"
    assert mirror.image("tool") == "quay.io/x/tool:v1.0@sha256:t"
    lock.write_text(json.dumps({"files": {}, "images": {"quay.io/x/p:v1.0": "sha256:evil"}}))
    with pytest.raises(ArtifactError, match=r"x/p:v1\.0: .*says sha256:evil, the catalogue sha256:p"):
        mirror.image("pinned")


def test_unknown_checksum_is_refused_with_a_remedy(lock: Path) -> None:
    with pytest.raises(ArtifactError, match=r"chart 1\.0 \(amd64\); run: artifacts lock tool 1\.0"):
        source("upstream").file("chart", "amd64")
    with pytest.raises(ArtifactError, match=r"quay\.io/x/tool:v1\.0; run: artifacts lock tool 1\.0"):
        source("upstream").image("tool")
    with pytest.raises(ArtifactError, match=r"own 1\.0 is made by this project and published nowhere; take artifacts_source: mirror"):
        source("upstream").image("own")
    with pytest.raises(ArtifactError, match=r"tool 1\.0 \(arm64\); run: artifacts build tool"):
        source("built", lock).file("tool", "arm64")
    with pytest.raises(ArtifactError, match=r"tool 2\.0 .*artifacts lock tool 2\.0"):
        source("upstream", artifacts_versions={"tool": "2.0"}).file("tool", "amd64")


def test_images_carry_their_digest(lock: Path) -> None:
    assert source("upstream").image("pinned") == "quay.io/x/p:v1.0@sha256:p"
    assert source("built", lock).image("tool") == "quay.io/x/tool:v1.0@sha256:t"
    with pytest.raises(ArtifactError, match="run: artifacts build pinned"):
        source("built", lock).image("pinned")


def test_lock_file_that_changed_is_read_again(lock: Path) -> None:
    chosen = source("built", lock)
    assert chosen.image("tool").endswith("sha256:t")
    lock.write_text(json.dumps({"files": {}, "images": {"quay.io/x/tool:v1.0": "sha256:newer"}}))
    assert chosen.image("tool").endswith("sha256:newer")


def test_wrong_settings_are_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="'elsewhere'; it can be upstream, mirror, built"):
        source("elsewhere")
    with pytest.raises(ArtifactError, match="artifacts_base_url"):
        Source(Catalogue.from_variables(VARIABLES), "mirror")
    with pytest.raises(ArtifactError, match=r"none\.json is missing; copy the mirror's lock\.json there"):
        source("mirror", tmp_path / "none.json").image("tool")


def test_lookups_resolve_for_the_host(lock: Path) -> None:
    facts = {"architecture": "aarch64"}
    assert lookup("artifact", "tool", ansible_facts=facts)[0]["sha256"] == "b" * 64
    assert lookup("artifact", "tool", arch="amd64")[0]["sha256"] == "a" * 64
    assert lookup("image", "pinned") == ["quay.io/x/p:v1.0@sha256:p"]
    address = trust_as_template("http://{{ depot }}:8080")
    built = {"artifacts_source": "built", "artifacts_base_url": address, "artifacts_lock_file": str(lock), "depot": "d"}
    assert lookup("image", "tool", **built) == ["quay.io/x/tool:v1.0@sha256:t"]
    assert lookup("artifact", "tool", arch="amd64", **built)[0]["url"] == "http://d:8080/dl.example/v1.0/amd64/tool"


def test_lookups_say_what_is_wrong() -> None:
    with pytest.raises(AnsibleLookupError, match="'tol' is not in artifacts_files; known: chart, tool"):
        lookup("artifact", "tol", arch="amd64")
    with pytest.raises(AnsibleLookupError, match="worker-1: architecture 'unknown': gather"):
        lookup("artifact", "tool", inventory_hostname="worker-1")
    with pytest.raises(AnsibleLookupError, match="'riscv64'"):
        lookup("artifact", "tool", ansible_facts={"architecture": "riscv64"})


def test_carried_file_is_a_copy_and_stored_one_a_link(tmp_path: Path) -> None:
    original = tmp_path / "tool"
    original.write_text("x")
    store = Store(tmp_path / "store")
    store.add_file(original, "host/linked")
    store.add_file(original, "host/copied", link=False)
    assert (store.files / "host/linked").stat().st_ino == original.stat().st_ino
    assert (store.files / "host/copied").stat().st_ino != original.stat().st_ino
