"""The secrets file of a fresh site."""

import os
from pathlib import Path

import pytest

STATE = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "credentials"


@pytest.mark.parametrize(("path", "mode"), [(STATE, 0o700), (STATE / "secrets.yml", 0o600)])
def test_only_its_owner_reads_it(host, path, mode):
    assert host.file(str(path)).mode == mode


def test_it_is_encrypted(host):
    assert host.file(str(STATE / "secrets.yml")).content.startswith(b"$ANSIBLE_VAULT;1.1;AES256")


def test_nothing_lies_beside_it(host):
    assert host.file(str(STATE)).listdir() == ["secrets.yml"]
