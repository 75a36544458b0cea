"""Rules for where files and images come from: what would be refused in the middle of a run is found before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ansible.module_utils.parsing.convert_bool import boolean

from artifacts.sources import source_from_variables
from artifacts.store import ARCHITECTURES, ArtifactError

from .findings import Finding

if TYPE_CHECKING:
    from .site import Site

MIRROR = {"artifacts_base_url": "the URL of the mirror's files", "artifacts_registry": "host:port of the registry that has its images"}


def check_delivery(site: Site) -> Iterator[Finding]:
    """Each file has its checksum for every processor, and each image its digest, wherever the site takes them from."""
    if site.variables.get("artifacts_source") == "built":
        return  # a lab's store is filled after this check
    mirrored = site.variables.get("artifacts_source") == "mirror"
    if lacking := [name for name in MIRROR if mirrored and not site.variables.get(name)]:
        for name in lacking:
            yield Finding("site", name, "nothing", MIRROR[name], "See docs/how-to/offline-mirror.md")
        return
    try:
        source = source_from_variables(site.variables, lambda value: value)
    except ArtifactError as error:
        yield Finding("site", "artifacts_source", str(site.variables.get("artifacts_source")), str(error))
        return
    catalogue = source.catalogue
    if source.lock_file and not Path(source.lock_file).exists():
        lacking = ", ".join(image.name for image in catalogue.images() if not image.digest)
        wanted = f"the lock.json of the site's mirror, which alone has the digests of: {lacking}"
        yield Finding("site", "artifacts_lock_file", f"{source.lock_file} is missing", wanted, "docs/how-to/offline-mirror.md makes both")
        return
    for name in catalogue.file_table:
        yield from _refused("artifacts_files", name, lambda name=name: [source.file(name, arch) for arch in ARCHITECTURES.values()])
    for name in catalogue.image_table:
        yield from _refused("artifacts_images", name, lambda name=name: source.image(name))


def _refused(table: str, name: str, resolve: Callable[[], object]) -> Iterator[Finding]:
    """The finding of an entry that a lookup would refuse."""
    try:
        resolve()
    except ArtifactError as error:
        yield Finding("site", f"{table}.{name}", "nothing that pins it", str(error))


def check_transport(site: Site) -> Iterator[Finding]:
    """Files and images come by TLS, unless the site says by name that they need not."""
    if boolean(site.variables.get("artifacts_plain_http", False)):
        return
    addresses = {"containerd_offline_registry": site.variables.get("containerd_offline_registry")}
    if site.variables.get("artifacts_source") != "upstream":
        addresses["artifacts_base_url"] = site.variables.get("artifacts_base_url")
    for host, mirrors in (site.variables.get("containerd_registry_mirrors") or {}).items():
        addresses |= {f"containerd_registry_mirrors.{host}": mirror.get("url") for mirror in mirrors}
    for name, url in addresses.items():
        if str(url).startswith("http://"):
            remedy = "Give the mirror a certificate; artifacts_plain_http: true does without, on a network that nobody else can reach"
            yield Finding("site", name, str(url), "https://…", remedy)


CHECKS = (check_delivery, check_transport)
