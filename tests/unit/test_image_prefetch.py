"""image_prefetch: which images a node lacks. That they are pulled is seen in the lab."""

from types import SimpleNamespace

import pytest

from plugins.modules.image_prefetch import present

DIGEST = "sha256:" + "a" * 64
KNOWN = [
    {"repoTags": ["registry.k8s.io/pause:3.10"], "repoDigests": [f"registry.k8s.io/pause@{DIGEST}"]},
    {"repoTags": [], "repoDigests": ["registry.k8s.io/etcd@sha256:" + "b" * 64]},
]


@pytest.mark.parametrize(
    ("image", "there"),
    [
        ("registry.k8s.io/pause:3.10", True),
        (f"registry.k8s.io/pause:3.10@{DIGEST}", True),
        (f"registry.k8s.io/pause:other@{DIGEST}", True),  # the digest decides
        ("registry.k8s.io/pause:3.10@sha256:" + "c" * 64, False),  # the tag does not
        ("registry.k8s.io/etcd@sha256:" + "b" * 64, True),
        ("registry.k8s.io/pause:3.11", False),
        ("docker.io/library/busybox:1", False),
    ],
)
def test_an_image_is_known_by_tag_or_digest(image, there):
    assert present(SimpleNamespace(images=KNOWN), image) is there


def test_an_empty_runtime_has_none():
    assert present(SimpleNamespace(images=[]), "registry.k8s.io/pause:3.10") is False
