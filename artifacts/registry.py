"""A registry on the store's storage, running on loopback only as long as images are made or copied."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import yaml

from artifacts import host, oci
from artifacts.store import ArtifactError, Store


@dataclass(frozen=True)
class Registry:
    """A running registry at ``address`` (``host:port``); an image's path in it starts with its upstream host."""

    address: str

    @classmethod
    def none(cls) -> Registry:
        """For runs that make no image."""
        return cls("")

    @classmethod
    @contextlib.contextmanager
    def serve(cls, store: Store) -> Iterator[Registry]:
        """Serve the store's registry storage; ended with the context. Raises ArtifactError when it does not start."""
        package = store.tools / "docker-registry"
        log = store.logs / "registry.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        host.unpack_package("docker-registry", package, log=log)
        address = f"127.0.0.1:{_free_port()}"
        config = store.work / "registry.yml"
        config.parent.mkdir(parents=True, exist_ok=True)
        storage = {"filesystem": {"rootdirectory": str(store.registry)}, "delete": {"enabled": True}}
        config.write_text(yaml.safe_dump({"version": 0.1, "storage": storage, "http": {"addr": address}}))
        with log.open("ab") as stream:
            process = subprocess.Popen(
                [package / "usr/bin/docker-registry", "serve", config],
                stdout=stream,
                stderr=stream,
                start_new_session=True,  # Ctrl-C reaches the builds first, the registry after them
            )
        try:
            _await(address, process)
            yield cls(address)
        finally:
            process.terminate()
            process.wait(10)

    def location(self, reference: str) -> str:
        """Where an image of this upstream name lies in this registry."""
        return f"{self.address}/{reference}"

    def digest(self, reference: str) -> str:
        """Digest of an image here, empty where it is not."""
        repository, _, tag = reference.rpartition(":")
        url = f"http://{self.address}/v2/{repository}/manifests/{tag}"
        answer = httpx.get(url, headers={"Accept": ", ".join(oci.MANIFEST_TYPES)})
        return oci.digest_of(answer.content) if answer.is_success else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"http://{address}/v2/", timeout=2).is_success:
                return
        time.sleep(0.1)
    raise ArtifactError(f"the registry did not start at {address}; see logs/registry.log in the store")
