"""Tokens of pods that another key signed are made anew by a kubelet that starts anew."""

import base64
import json

import pytest

from bootstrap.secrets import pki
from plugins.modules import pod_tokens

OLD, NEW = (pki.public_key(pki.new_key()) for _ in range(2))


def put_token(folder, public):
    head = base64.urlsafe_b64encode(json.dumps({"alg": "ES256", "kid": pod_tokens.key_id(public)}).encode()).decode().rstrip("=")
    volume = folder / "uid/volumes/kubernetes.io~projected/kube-api-access"
    path = volume / "..first/token"
    path.parent.mkdir(parents=True)
    (volume / "..data").symlink_to("..first")
    path.write_text(f"{head}.e30.c2ln")
    return path


@pytest.fixture
def node(tmp_path, monkeypatch, run_module):
    """A node with a pod; the kubelet signs by the new key when it starts."""
    token = put_token(tmp_path / "pods", OLD)
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/log\ncp {tmp_path}/made {token}\n')
    (tmp_path / "systemctl").chmod(0o755)
    (tmp_path / "made").write_text(put_token(tmp_path / "new", NEW).read_text())
    monkeypatch.setattr(pod_tokens, "PODS", tmp_path / "pods")
    monkeypatch.setattr(pod_tokens, "READ_WITHIN", 0)
    monkeypatch.setattr(pod_tokens, "PAUSE", 0)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def run(public, **more):
        return run_module(pod_tokens, public=public, timeout=1, **more)

    run.restarts = lambda: (tmp_path / "log").read_text().splitlines() if (tmp_path / "log").exists() else []
    run.made = tmp_path / "made"
    return run


def test_tokens_of_the_key_in_force_are_left_alone(node):
    assert node(OLD)["changed"] is False and node.restarts() == []


def test_a_kubelet_with_tokens_of_another_key_starts_anew(node):
    assert node(NEW)["changed"] is True
    assert node.restarts() == ["restart kubelet.service"]
    assert node(NEW)["changed"] is False


def test_check_mode_only_tells(node):
    assert len(node(NEW, check=True)["outdated"]) == 1 and node.restarts() == []


def test_one_that_goes_on_with_the_other_key_is_named(node, run_module):
    node.made.write_text(put_token(node.made.parent / "still", OLD).read_text())
    with pytest.raises(run_module.failure, match=r"found tokens of another key 1 s after the kubelet was restarted: .*/token"):
        node(NEW)
