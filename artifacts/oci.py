"""The registry HTTP API, as far as resolving digests and copying images byte for byte needs it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from artifacts.store import ArtifactError

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    *INDEX_TYPES,
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
DOCKER_HUB = {"docker.io": "registry-1.docker.io"}


@dataclass(frozen=True)
class Manifest:
    """A manifest or index; ``digest`` is that of ``content``, whatever the registry called it."""

    content: bytes
    media_type: str
    digest: str
    document: dict[str, Any]

    @property
    def children(self) -> list[str]:
        """Digests of an index's manifests; empty for an image."""
        return [entry["digest"] for entry in self.document.get("manifests", [])]

    @property
    def blobs(self) -> list[str]:
        """Digests of an image's config and layers; empty for an index."""
        if self.media_type in INDEX_TYPES:
            return []
        return [entry["digest"] for entry in (self.document["config"], *self.document["layers"])]


def digest_of(content: bytes) -> str:
    """The digest by which a registry names this content: ``sha256:…``."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Repository:
    """One repository of a registry, addressed by its full name such as ``quay.io/cilium/cilium``."""

    def __init__(self, client: httpx.Client, name: str, *, base: str = "") -> None:
        """``base`` (``http://host:port/v2/<path>``) overrides where the name points, for a mirror."""
        host, _, path = name.partition("/")
        self.name = name
        self.client = client
        self.base = base or f"https://{DOCKER_HUB.get(host, host)}/v2/{path}"
        self.token = ""

    def manifest(self, reference: str) -> Manifest:
        """The manifest of a tag or digest. Raises ArtifactError when the registry has none, or gives another than the digest names."""
        answer = self._request("GET", f"/manifests/{reference}", headers={"Accept": ", ".join(MANIFEST_TYPES)})
        self._expect(answer, f"manifest of {self.name}:{reference}")
        media_type = answer.headers["Content-Type"].split(";")[0]
        digest = digest_of(answer.content)
        if ":" in reference and digest != reference:
            raise ArtifactError(f"{self.name}@{reference}: {answer.request.url.host} gave content of {digest}; not taken")
        return Manifest(answer.content, media_type, digest, answer.json())

    def has_blob(self, digest: str) -> bool:
        return self._request("HEAD", f"/blobs/{digest}").is_success

    def blob(self, digest: str) -> Iterator[bytes]:
        """A blob's content in pieces."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        with self.client.stream("GET", f"{self.base}/blobs/{digest}", headers=headers, follow_redirects=True) as answer:
            self._expect(answer, f"blob {digest} of {self.name}")
            yield from answer.iter_bytes(1 << 20)

    def put_blob(self, digest: str, content: Iterator[bytes]) -> None:
        """Upload a blob; the registry checks its digest."""
        start = self._request("POST", "/blobs/uploads/")
        self._expect(start, f"upload to {self.name}")
        location = httpx.URL(self.base).join(start.headers["Location"])
        target = location.copy_merge_params({"digest": digest})
        answer = self.client.put(target, content=content, headers={"Content-Type": "application/octet-stream"})
        self._expect(answer, f"upload of {digest} to {self.name}")

    def put_manifest(self, reference: str, manifest: Manifest) -> None:
        answer = self._request("PUT", f"/manifests/{reference}", content=manifest.content, headers={"Content-Type": manifest.media_type})
        self._expect(answer, f"manifest {reference} to {self.name}")

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = options.pop("headers", {})
        for _ in range(2):
            if self.token:
                headers["Authorization"] = f"Bearer {self.token}"
            answer = self.client.request(method, self.base + path, headers=headers, follow_redirects=True, **options)
            if answer.status_code != httpx.codes.UNAUTHORIZED or self.token:
                return answer
            self.token = self._fetch_token(answer)
        return answer

    def _fetch_token(self, refused: httpx.Response) -> str:
        """An anonymous token, from where the registry's refusal points."""
        challenge = dict(re.findall(r'(\w+)="([^"]*)"', refused.headers.get("WWW-Authenticate", "")))
        if "realm" not in challenge:
            raise ArtifactError(f"{self.name}: the registry wants credentials and does not say where to get a token")
        answer = self.client.get(challenge.pop("realm"), params=challenge)
        self._expect(answer, f"token for {self.name}")
        document = answer.json()
        return document.get("token") or document["access_token"]

    @staticmethod
    def _expect(answer: httpx.Response, what: str) -> None:
        if not answer.is_success:
            raise ArtifactError(f"{what}: {answer.request.url.host} answered {answer.status_code}")


def copy(source: Repository, target: Repository, tag: str, digest: str) -> None:
    """Copy the image of this digest with all its platforms, and give it the tag there; what the tag means at the source does not matter."""
    top = source.manifest(digest)
    for child in [source.manifest(digest) for digest in top.children] or [top]:
        for blob in child.blobs:
            if not target.has_blob(blob):
                target.put_blob(blob, source.blob(blob))
        if child is not top:
            target.put_manifest(child.digest, child)
    target.put_manifest(tag, top)
